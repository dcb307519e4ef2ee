"""The costs around the copy loop of ``fork()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.operations.protocol import SharedWork, Surroundings
from costmodel.operations.shared.extent import extent_of
from costmodel.operations.shared.flush import TABLE_ALLOC, flush_of_all
from costmodel.operations.shared.process import beginning
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload


def around(machine: Machine, workload: Workload, strategy: str) -> Surroundings:
    """Return the fixed cost with the mappings, the allocation of each table, and the flush."""
    kernel = machine.kernel
    return Surroundings(
        before=(beginning(machine, workload.vmas, strategy),),
        per_table={TABLE_ALLOC: round(kernel.table_alloc_ns.value * PS_PER_NS)},
        after=(flush_of_all(machine),),
    )


def shared_work(workload: Workload) -> SharedWork:
    """Return the tables that a fork allocates and the folios whose counters it changes.

    It holds the lock of the address space for writing from beginning to end.
    """
    folios = sum(share / (1 << order) for order, share in workload.folio_orders.items())
    return SharedWork(
        address_space="write",
        tables=extent_of(workload).tables,
        folio_updates=round(folios * workload.touched_pages),
    )
