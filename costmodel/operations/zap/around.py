"""What lies around the unmap loop: calls, flushes, and page tables that go with their mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.protocol import FlushRequest, OutsideCost, SharedWork, Surroundings
from costmodel.operations.shared.flush import flush, flush_of_all
from costmodel.operations.zap.operation import DONTNEED, DONTNEED_PER_PAGE, EXIT
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload

UNMAP_CALL = "unmap_call"
"""Cause of the time of munmap() or madvise() outside the page tables."""
TABLE_FREE = "table_free"
"""Cause of the freeing of empty page tables."""


def around(machine: Machine, workload: Workload, *, forced: int) -> Surroundings:
    """Return the calls with a flush each, ``forced`` flushes of full lists, the freed tables."""
    per_page = workload.state == DONTNEED_PER_PAGE.name
    keeps_tables = workload.state in (DONTNEED.name, DONTNEED_PER_PAGE.name)
    tables = 0 if keeps_tables else -(-workload.pages // TABLE_PTES)
    call_ps = round(machine.kernel.unmap_call_ns.value * PS_PER_NS)
    free_ps = round(machine.kernel.table_free_ns.value * PS_PER_NS)
    after = [flush_of_all(machine, count=forced)] if forced else []
    if tables:
        after.append(OutsideCost({TABLE_FREE: free_ps}, count=tables))
    calls = workload.pages if per_page else 1
    flush_ns = _call_flush_ns(machine, per_page=per_page)
    request = FlushRequest(
        pages=None if not keeps_tables else 1 if per_page else workload.pages,
        frees_tables=not keeps_tables,
    )
    call = {UNMAP_CALL: call_ps}
    after.append(flush(machine, flush_ns, request, count=calls, with_ps=call))
    return Surroundings(after=tuple(after))


def shared_work(workload: Workload) -> SharedWork:
    """Return the tables and folios that an unmap gives back, and the lock that it holds.

    At an exit nobody else holds the address space, and the pages have another owner.
    """
    keeps_tables = workload.state in (DONTNEED.name, DONTNEED_PER_PAGE.name)
    of_child = workload.state == EXIT.name
    folios = {
        order: round(share * workload.pages / (1 << order))
        for order, share in workload.folio_orders.items()
    }
    return SharedWork(
        address_space="read" if keeps_tables or of_child else "write, read",
        tables=0 if keeps_tables else -(-workload.pages // TABLE_PTES),
        freed={} if of_child else folios,
        folio_updates=sum(folios.values()),
    )


def _call_flush_ns(machine: Machine, *, per_page: bool) -> float:
    """Return the time of the flush of a call: of one page where arm64 can, else of everything."""
    if per_page and machine.isa == "arm64":
        return float(machine.tlbi.issue_ns.value + machine.tlbi.broadcast_ns.value)
    return float(machine.tlbi.asid_flush_ns.value)
