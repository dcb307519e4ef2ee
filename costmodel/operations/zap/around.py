"""The costs around the unmap loop: calls, flushes, and the freeing of page tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.protocol import FlushRequest, OutsideCost, SharedWork, Surroundings
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.extent import extent_of
from costmodel.operations.shared.flush import (
    TABLE_FREE,
    UNMAP_CALL,
    flush,
    gathered_stride,
)
from costmodel.operations.zap.operation import keeps_tables, of_file
from costmodel.operations.zap.ranges import RangeState
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.state import PteState

UNMAP_RANGE = "unmap_range"
"""Cause, in CPI stacks, of the time of a call's further ranges outside the page tables."""


def around(machine: Machine, workload: Workload, runs: Sequence[TableRun]) -> Surroundings:
    """Return the calls with their flushes, those that the loop forces, and freed tables.

    The address space of an exit is flushed as a whole. Other flushes are for the pages that were
    gathered since the last one, from the first to the last of them: entries that map nothing do not
    widen the range (``tlb_remove_tlb_entry()``). The last is for all that freed tables mapped, by
    tables where no pages are left (``tlb_flush_mmu_tlbonly()``, ``pte_free_tlb()``,
    ``tlb_get_unmap_shift()``); arm64 flushes the pages before (``tlb_end_vma()``).
    """
    state = operation_named("zap").state(workload.state)
    kept = keeps_tables(state)
    extent = extent_of(workload)
    ranges, calls, flushed = _counts(workload, state)
    tables = extent.waiting if kept else extent.tables
    call_ps = round(machine.kernel.unmap_call_ns.value * PS_PER_NS)
    free_ps = round(machine.kernel.table_free_ns.value * PS_PER_NS)
    ends, stride = state.mapped_by > 1, gathered_stride(workload)
    forced = sum(run.flushes for run in runs)
    gathered = max((run.flushed_pages for run in runs), default=0)  # all lists have one size
    after = []
    # On arm64 an end flushes with its tables alone.
    if forced and not (ends and machine.isa == "arm64"):
        request = FlushRequest(None if ends else extent.range_pages(gathered), stride)
        after.append(flush(machine, request, count=forced))
    if tables:
        after.append(OutsideCost({TABLE_FREE: free_ps}, count=tables))
    left = flushed - gathered * forced
    if ends:
        request = FlushRequest(frees_tables=True)
    elif kept:
        request = FlushRequest(max(1, extent.range_pages(left)), stride)
    elif left > 0 and machine.isa == "x86_64":
        # What the freed tables mapped is part of the range, and the stride is that of the pages.
        request = FlushRequest(extent.span_pages, stride, frees_tables=True)
    else:
        if left > 0:  # at the end of the mapping: CONFIG_MMU_GATHER_MERGE_VMAS is x86's
            at_end = FlushRequest(extent.range_pages(left), stride)
            after.append(flush(machine, at_end, count=calls))
        request = FlushRequest(extent.span_pages, TABLE_PTES, frees_tables=True)
    if ranges > calls:  # the first of a call is in its price
        range_ps = round(machine.kernel.unmap_range_pct.value / 100 * call_ps)
        after.append(OutsideCost({UNMAP_RANGE: range_ps}, count=ranges - calls))
        if isinstance(state, RangeState) and state.flushes_each:
            after.append(flush(machine, request, count=ranges - calls))
    call = {UNMAP_CALL: call_ps}
    after.append(flush(machine, request, count=calls, with_ps=call))
    return Surroundings(after=tuple(after))


def shared_work(workload: Workload) -> SharedWork:
    """Return the tables and folios that an unmap gives back, and the lock that it holds.

    At an exit no other CPU uses the address space, and another process maps the pages too. Pages of
    files stay in the page cache.
    """
    state = operation_named("zap").state(workload.state)
    kept, of_child = keeps_tables(state), state.mapped_by > 1
    extent = extent_of(workload)
    folios = {
        order: round(share * workload.touched_pages / (1 << order))
        for order, share in workload.folio_orders.items()
    }
    _, calls, _ = _counts(workload, state)
    return SharedWork(
        address_space="read" if kept or of_child else "write, read",
        tables=extent.waiting if kept else extent.tables,
        freed={} if of_child or of_file(state.name) else folios,
        folio_updates=sum(folios.values()),
        calls=calls,
    )


def _counts(workload: Workload, state: PteState) -> tuple[int, int, int]:
    """Return the number of ranges, the number of calls, and how many pages one gathers."""
    extent = extent_of(workload)
    if not isinstance(state, RangeState):
        return 1, 1, extent.pages
    ranges = -(-workload.pages // state.pages)
    calls = -(-ranges // state.per_call)
    each = 1 if state.flushes_each else state.per_call
    return ranges, calls, extent.pages_in(min(each * state.pages, workload.pages))
