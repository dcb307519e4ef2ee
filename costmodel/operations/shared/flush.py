"""What flushes of the TLB cost, and the causes of other time around the loops over page tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.protocol import FlushRequest, OutsideCost
from costmodel.units import LARGEST_ORDER, PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload


TABLE_ALLOC = "table_alloc"
"""The part of allocating a page table that the recorded instructions do not show."""
TABLE_FREE = "table_free"
"""The freeing of empty page tables."""


UNMAP_CALL = "unmap_call"
"""Cause, in CPI stacks, of the time of munmap(), madvise() or mprotect() outside page tables."""
ASID_FLUSH = "asid_flush"
"""Cause, in CPI stacks, of TLB flushes: of a whole address space, or of some of its pages."""
RANGE_TLBI_PAGES: Final = 1 << 21
"""The most pages that arm64 invalidates by range TLBIs (``MAX_TLBI_RANGE_PAGES``): 8 GiB."""


def flush_of_all(machine: Machine, *, count: int = 1) -> OutsideCost:
    """Return the cost of ``count`` flushes of a whole address space."""
    return flush(machine, FlushRequest(), count=count)


def flush(
    machine: Machine,
    request: FlushRequest,
    *,
    count: int = 1,
    with_ps: Mapping[str, int] | None = None,
) -> OutsideCost:
    """Return the cost of ``count`` flushes of what ``request`` says.

    ``with_ps`` is other work before each of them, picoseconds by cause. On arm64 a flush is a
    broadcast, unless TLBIs stay on their CPU (``tlbi.local_only``): then a broadcast costs nothing
    on ``machine``. On x86 a CPU flushes itself, and asks the other CPUs that run the address space.
    """
    flush_ps = round(_flush_ns(machine, request) * PS_PER_NS)
    is_broadcast = machine.isa == "arm64" and machine.tlbi.broadcast_ns.value > 0
    broadcast_ps = flush_ps if is_broadcast else 0
    return OutsideCost({**(with_ps or {}), ASID_FLUSH: flush_ps}, broadcast_ps, count, request)


def gathered_stride(workload: Workload) -> int:
    """Return the stride, in pages, of the flushes that ``mmu_gather`` makes for a workload.

    It is a PMD where PMDs alone were gathered, and else a page (``tlb_get_unmap_shift()``).
    """
    only_pmds = workload.mapped == "pmd" and workload.folio_orders.get(LARGEST_ORDER) == 1.0
    return TABLE_PTES if only_pmds else 1


def _flush_ns(machine: Machine, request: FlushRequest) -> float:
    """Return how long a CPU takes for a flush of a range, or of everything.

    x86 flushes up to ``shootdown.ceiling_pages`` translations by one INVLPG each, which take the
    place of the flush of everything inside ``tlbi.asid_flush_ns``. arm64 invalidates fewer than
    a page table has by one TLBI each. Where the CPU has range TLBIs, what counts is pages, whatever
    the stride: they invalidate up to ``RANGE_TLBI_PAGES`` (``__flush_tlb_range()``).
    """
    whole_ns = machine.tlbi.asid_flush_ns.value
    pages, entries = request.pages, request.entries
    if pages is None or entries is None:
        return whole_ns
    if machine.isa == "x86_64":
        group = machine.shootdown
        if entries > group.ceiling_pages.value:
            return whole_ns
        return max(0.0, whole_ns - group.full_flush_ns.value) + entries * group.invlpg_ns.value
    has_range = machine.tlbi.range.value
    if pages > RANGE_TLBI_PAGES or (not has_range and entries >= TABLE_PTES):
        return whole_ns
    issued = range_tlbis(pages) if has_range else entries
    return issued * machine.tlbi.issue_ns.value + machine.tlbi.broadcast_ns.value


def range_tlbis(pages: int) -> int:
    """Return how many TLBIs arm64 with range TLBIs issues for ``pages`` pages.

    One for an odd page, and one for each non-zero digit of the other pairs of pages in base 32
    (``__flush_tlb_range_op()``).

    >>> [range_tlbis(pages) for pages in (1, 2, 33, 64, 512, 511)]
    [1, 1, 2, 1, 1, 3]
    """
    issued, pairs = pages % 2, pages // 2
    while pairs:
        pairs, digit = divmod(pairs, 32)
        issued += digit > 0
    return issued
