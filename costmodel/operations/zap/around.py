"""What lies around the unmap loop: calls, flushes, and page tables that go with their mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.protocol import OutsideCost, Surroundings
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.flush import UNMAP_CALL, flush, flush_of_all
from costmodel.operations.zap.operation import DONTNEED
from costmodel.operations.zap.ranges import RangeState
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.state import PteState

UNMAP_RANGE = "unmap_range"
"""Cause of the time that a further range of a call takes outside the page tables."""
_RANGE_SHARE: Final = 0.15
"""Of a call's price: a range is read, its VMA found, an mmu_gather begun. Between a tenth and a
fifth by the report that docs/zap.md has beside; no machine was measured for it."""
TABLE_FREE = "table_free"
"""Cause of the freeing of empty page tables."""


def around(machine: Machine, workload: Workload, *, forced: int) -> Surroundings:
    """Return the calls with their flushes, ``forced`` flushes of full lists, the freed tables."""
    state = operation_named("zap").state(workload.state)
    ranges, calls = 1, 1
    flushes_each = False
    if isinstance(state, RangeState):
        ranges = -(-workload.pages // state.pages)
        calls = -(-ranges // state.per_call)
        flushes_each = state.flushes_each
    keeps_tables = state == DONTNEED or isinstance(state, RangeState)
    tables = 0 if keeps_tables else -(-workload.pages // TABLE_PTES)
    call_ps = round(machine.kernel.unmap_call_ns.value * PS_PER_NS)
    free_ps = round(machine.kernel.table_free_ns.value * PS_PER_NS)
    after = [flush_of_all(machine, count=forced)] if forced else []
    if tables:
        after.append(OutsideCost({TABLE_FREE: free_ps}, count=tables))
    if ranges > calls:  # the first of a call is in its price
        range_ps = round(_RANGE_SHARE * call_ps)
        after.append(OutsideCost({UNMAP_RANGE: range_ps}, count=ranges - calls))
    if flushes_each and ranges > calls:
        after.append(flush(machine, _flush_ns(machine, state), count=ranges - calls))
    with_ps = {UNMAP_CALL: call_ps}
    after.append(flush(machine, _flush_ns(machine, state), count=calls, with_ps=with_ps))
    return Surroundings(after=tuple(after))


def _flush_ns(machine: Machine, state: PteState) -> float:
    """Return the time of a flush: of one page where that is all and arm64 can, else of all."""
    one_page = (
        isinstance(state, RangeState)
        and state.pages == 1
        and (state.flushes_each or state.per_call == 1)
    )
    if one_page and machine.isa == "arm64":
        return float(machine.tlbi.issue_ns.value + machine.tlbi.broadcast_ns.value)
    return float(machine.tlbi.asid_flush_ns.value)
