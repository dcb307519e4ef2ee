"""What data TLBs hold, and what walks cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from costmodel.measure.readings.number import Number, Taken, knee
from costmodel.measure.suite import IN_HUGE_PAGES, TLB_STEP
from costmodel.units import GIB, MIB

_FULL = 1.2
"""A time over the least, from which some translations miss."""
_MISSED = 0.25
"""Share of translations that miss from which a TLB is too small. One that replaces at random misses
31 % of the pages in turn where they are 1.2 times its entries, and 58 % at 1.5 times; one that
replaces the oldest all."""
_HOW = "one load per small page"


def numbers(taken: Taken, *, guest: bool) -> Iterator[Number]:
    """Yield the numbers of ``caches.dtlb``, and in a guest by what pages the host maps it."""
    counts = [pages for pages in taken.plan.tlb_pages() if taken.has(f"pages {pages}")]
    times = {pages: taken.cycles(f"pages {pages}").value for pages in counts}
    if {32, 256, 8192} <= set(times) and taken.has(f"chase {taken.plan.l2_size}"):
        yield from _latencies(taken)
        if guest and taken.has(IN_HUGE_PAGES):
            yield from _host_page(taken)
        if not taken.plan.quick:
            yield from _entries(times)


def _latencies(taken: Taken) -> Iterator[Number]:
    added = taken.cycles("pages 256").scaled(1, taken.cycles("pages 32").value)
    if added.value > 1:
        how = f"{_HOW}: 256 pages less 32"
        yield Number.of("caches.dtlb.l2_latency_cycles", added, how)
    # A walk takes what the frames of its tables decide, and these are others in each round: the
    # usual round counts, not the luckiest.
    walked, l2 = taken.usual_ns("pages 8192"), taken.ns(f"chase {taken.plan.l2_size}").value
    ns_per_cycle = taken.ns("pages 256").value / taken.cycles("pages 256").value
    walk = walked - l2 - max(added.value, 0) * ns_per_cycle
    if walk > 0:
        how = f"{_HOW}: 8192 pages less the L2 and the second level; the usual round"
        yield Number("caches.dtlb.walk_ns", walk, 0.5 * walk, 2 * walk, how)


def _host_page(taken: Taken) -> Iterator[Number]:
    """Yield the size of the host's pages: the guest's huge ones, or small ones.

    A translation covers no more than a page of the host. 1024 steps in two huge pages of the guest
    meet two translations, or 1024, which only the second level holds. Nothing is known where the
    second level takes no time that can be seen.
    """
    added = taken.cycles("pages 256").value - taken.cycles("pages 32").value
    if added <= 1:
        return
    l2 = taken.cycles(f"chase {taken.plan.l2_size}").value
    small = taken.cycles(IN_HUGE_PAGES).value - l2 > added / 2
    bytes_ = TLB_STEP if small else 2 * MIB
    how = f"1024 steps of 4 KiB in two huge pages {'miss' if small else 'hit'} the first level"
    yield Number("kernel.host_page_bytes", bytes_, bytes_, bytes_ if small else GIB, how)


def _entries(times: Mapping[int, float]) -> Iterator[Number]:
    few = {pages: cycles for pages, cycles in times.items() if pages <= 256}
    low, high = knee(few, times[32], times[256])
    yield Number("caches.dtlb.l1_entries", low, low, high, _HOW)
    many = {pages: cycles for pages, cycles in times.items() if pages >= 1024}
    slower = [pages for pages in sorted(many) if many[pages] > _FULL * min(many.values())]
    low, high = knee(many, min(many.values()), times[8192], _MISSED)
    yield Number("caches.dtlb.l2_entries", low, min([*slower, low]), high, _HOW)
