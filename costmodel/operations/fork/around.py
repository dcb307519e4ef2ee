"""What lies around the copy loop of ``fork()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.operations.protocol import OutsideCost, Surroundings
from costmodel.operations.shared.flush import flush_of_all
from costmodel.units import PS_PER_NS, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

TABLE_ALLOC = "table_alloc"
"""Cause of what the recorded instructions of allocating a page table do not show."""
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
