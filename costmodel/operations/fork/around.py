"""What lies around the copy loop of ``fork()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.protocol import OutsideCost, SharedWork, Surroundings
from costmodel.operations.shared.flush import flush_of_all
from costmodel.operations.shared.tables import TABLE_ALLOC
from costmodel.units import PS_PER_NS, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload

FORK_FIXED = "fork_fixed"
"""Cause of the time outside the copy loop: task, mm, VMAs."""


def around(machine: Machine) -> Surroundings:
    """Return the fixed part, the allocator's slow path per table, the flush at the end."""
    kernel = machine.kernel
    return Surroundings(
        before=(OutsideCost({FORK_FIXED: round(kernel.fork_fixed_us.value * PS_PER_US)}),),
        per_table={TABLE_ALLOC: round(kernel.table_alloc_ns.value * PS_PER_NS)},
        after=(flush_of_all(machine),),
    )


def shared_work(workload: Workload) -> SharedWork:
    """Return the tables that a fork allocates; it holds the address space from end to end."""
    folios = sum(share / (1 << order) for order, share in workload.folio_orders.items())
    return SharedWork(
        address_space="write",
        tables=-(-workload.pages // TABLE_PTES),
        folio_updates=round(folios * workload.pages),
    )
