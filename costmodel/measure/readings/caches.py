"""Sizes and latencies of caches and memory, and how much overlaps."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.measure.experiment import Estimate
from costmodel.measure.readings.number import Number, Taken, knee
from costmodel.units import MIB

_SLOWEST = 3.5
"""The next level over this one, at most."""
_MISSES_WITHIN = 1.15
"""Factor by which the lines in flight may be more or fewer: the latency of one that is not alone
is not known."""
_NEAR = 1.3
"""How far a knee may lie from the size that the system states: lines of a physically addressed
cache do not fill its sets evenly."""


def numbers(taken: Taken) -> Iterator[Number]:
    """Yield the numbers of ``caches``, and the rate at which pages are cleared."""
    yield from _private_caches(taken)
    shared, memory = taken.plan.shared_sizes()[0], taken.plan.memory_bytes
    yield from _rate_of_l2(taken)
    for kernel, reading in (
        ("chase", _latencies),
        ("random loads", _overlap),
        ("stream of loads", _streams),
        ("clear pages", _clearing),
    ):
        if taken.has(f"{kernel} {shared}", f"{kernel} {memory}") and shared != memory:
            yield from reading(taken, shared, memory)


def _private_caches(taken: Taken) -> Iterator[Number]:
    plan, chases = taken.plan, _chases(taken)
    first, second = chases.get(plan.l1_bytes // 2), chases.get(plan.l2_size)
    beyond = chases.get(plan.shared_sizes()[0])
    if not (first and second and beyond):
        return
    yield Number.of("caches.l1.latency_cycles", first, f"ring of {plan.l1_bytes // 2048} KiB")
    yield Number.of("caches.l2.latency_cycles", second, f"ring of {plan.l2_size // 1024} KiB")
    how = "the system's, where rings of pointers grow slower"
    for key, level, fast, slow in (
        ("caches.l1.size_bytes", plan.l1_bytes, first, second),
        ("caches.l2.size_bytes", plan.l2_bytes, second, beyond),
    ):
        low, high = knee(
            {size: c.value for size, c in chases.items()},
            fast.value,
            # The level behind may have been slower than it is: others use it too.
            min(slow.value, _SLOWEST * fast.value),
        )
        if low / _NEAR <= level <= high * _NEAR:
            yield Number(key, level, min(low, level), max(high, level), how)
        else:
            yield Number(key, low, low, high, "the last ring of pointers that is fast")


def _rate_of_l2(taken: Taken) -> Iterator[Number]:
    if not taken.has("lines read", "lines changed", "stores to lines"):
        return
    read, changed = taken.cycles("lines read"), taken.cycles("lines changed")
    how = "lines in a row in the L2"
    yield Number.of("caches.l2.cycles_per_line", read, how)
    # Stores to lines that stay may take longer than lines take to come.
    anyway = max(read.value, taken.cycles("stores to lines").value)
    back = changed.scaled(1, anyway).not_negative()
    yield Number.of("caches.l2.write_back_cycles", back, f"{how}, changed, less lines read")


def _latencies(taken: Taken, shared: int, memory: int) -> Iterator[Number]:
    near, far = (taken.ns(f"chase {size}").doubted() for size in (shared, memory))
    yield Number.of("caches.llc.latency_ns", near, f"ring of {shared >> 20} MiB")
    yield Number.of("caches.dram.latency_ns", far, f"ring of {memory >> 20} MiB")
    curve = {size: each.value for size, each in _chases(taken).items() if size >= shared}
    low, high = knee(curve, curve[shared], curve[memory])
    middle = round((low * high) ** 0.5 / MIB) * MIB
    how = "where half of the loads of a ring miss: a guest has a share of it"
    yield Number("caches.llc.size_bytes", middle, low, high, how)


def _overlap(taken: Taken, shared: int, memory: int) -> Iterator[Number]:
    latency, apart = taken.ns(f"chase {memory}"), taken.ns(f"random loads {memory}")
    how = "random loads that depend on nothing"
    yield Number.of("caches.dram.ns_per_line", apart, how)
    near = taken.ns(f"random loads {shared}").doubted()
    yield Number.of("caches.llc.ns_per_line", near, how)
    misses = [latency.value / each for each in (apart.value, apart.high, apart.low)]
    low, high = misses[1] / _MISSES_WITHIN, misses[2] * _MISSES_WITHIN
    how = "latency of memory over the time of an independent load"
    yield Number("caches.miss_registers", misses[0], low, high, how)


def _streams(taken: Taken, shared: int, memory: int) -> Iterator[Number]:
    stream, near = (taken.ns(f"stream of loads {size}") for size in (memory, shared))
    how = f"ascending loads of {memory >> 20} MiB; low: of {shared >> 20} MiB"
    key = "caches.prefetch.ns_per_line"
    yield Number(key, stream.value, min(stream.low, near.low), stream.high, how)
    how = f"ascending loads of {shared >> 20} MiB"
    yield Number.of("caches.prefetch.llc_ns_per_line", near.doubted(), how)


def _clearing(taken: Taken, shared: int, memory: int) -> Iterator[Number]:
    names = (f"clear pages {memory}", f"clear pages {shared}", "clear, L2")
    rates = [1 / taken.ns(name).value for name in names if taken.has(name)]
    how = f"pages of {shared >> 20} MiB; low: {memory >> 20} MiB, high: in the L2"
    yield Number("kernel.zero_bytes_per_ns", rates[1], min(rates), max(rates), how)


def _chases(taken: Taken) -> dict[int, Estimate]:
    return {
        int(name.split()[1]): taken.cycles(name)
        for name in taken.results
        if name.startswith("chase ") and taken.has(name)
    }
