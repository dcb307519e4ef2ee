"""What data TLBs hold, and what walks cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from costmodel.measure.readings.number import Number, Taken, knee

_FULL = 1.2
"""A time over the least, from which some translations miss."""
_HOW = "one load per small page"


def numbers(taken: Taken) -> Iterator[Number]:
    """Yield the numbers of ``caches.dtlb``."""
    counts = [pages for pages in taken.plan.tlb_pages() if taken.has(f"pages {pages}")]
    times = {pages: taken.cycles(f"pages {pages}").value for pages in counts}
    if {32, 256, 8192} <= set(times) and taken.has(f"chase {taken.plan.l2_size}"):
        yield from _latencies(taken)
        if not taken.plan.quick:
            yield from _entries(times)


def _latencies(taken: Taken) -> Iterator[Number]:
    added = taken.cycles("pages 256").scaled(1, taken.cycles("pages 32").value)
    if added.value > 1:
        how = f"{_HOW}: 256 pages less 32"
        yield Number.of("caches.dtlb.l2_latency_cycles", added, how)
    walked, l2 = taken.cycles("pages 8192"), taken.cycles(f"chase {taken.plan.l2_size}")
    ns_per_cycle = taken.ns("pages 8192").value / walked.value
    walk = (walked.value - l2.value - max(added.value, 0)) * ns_per_cycle
    if walk > 0:
        how = f"{_HOW}: 8192 pages less the L2 and the second level"
        yield Number("caches.dtlb.walk_ns", walk, 0.5 * walk, 2 * walk, how)


def _entries(times: Mapping[int, float]) -> Iterator[Number]:
    few = {pages: cycles for pages, cycles in times.items() if pages <= 256}
    low, high = knee(few, times[32], times[256])
    yield Number("caches.dtlb.l1_entries", low, low, high, _HOW)
    many = {pages: cycles for pages, cycles in times.items() if pages >= 1024}
    slower = [pages for pages in sorted(many) if many[pages] > _FULL * min(many.values())]
    low, high = knee(many, min(many.values()), times[8192])
    yield Number("caches.dtlb.l2_entries", low, min([*slower, low]), high, _HOW)
