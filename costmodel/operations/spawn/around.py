"""The costs around the loops in a process's life: fixed parts, VMAs, tables and flushes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from costmodel.operations.fork import around as fork
from costmodel.operations.protocol import OutsideCost, SharedWork, Surroundings
from costmodel.operations.shared.extent import extent_of
from costmodel.operations.shared.flush import TABLE_ALLOC, TABLE_FREE, flush_of_all
from costmodel.operations.shared.process import beginning, with_vmas
from costmodel.units import PS_PER_NS, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload

EXIT_WAIT: Final = "exit_wait"
"""Cause of the time of a process's end outside page tables: exit, signal, wake-up, wait()."""
EXIT_VMAS: Final = "exit_vmas"
"""Cause of the time to free more VMAs than a small program has."""
EXEC: Final = "exec"
"""Cause of the time of execve() of a small program, its start, and its longer end."""
MM_CPUS: Final = "mm_cpus"
"""Cause of the time for what an address space has for each CPU: set up, summed, freed."""


def around(machine: Machine, workload: Workload, *, executes: bool, strategy: str) -> Surroundings:
    """Return all costs outside the loops over page tables.

    The parent's flush follows the copy; the child's follows its exit, or its exec. ``executes``:
    the child executes another program, which has its own address space with its costs for each CPU.
    """
    kernel = machine.kernel
    tables = extent_of(workload).tables
    fixed_us = kernel.fork_fixed_us.value
    spaces = 2 if executes else 1
    cpus_ns = kernel.mm_cpu_ns.value * machine.tlbi.cpus_online.value
    alloc = OutsideCost({TABLE_ALLOC: round(kernel.table_alloc_ns.value * PS_PER_NS)}, count=tables)
    free = OutsideCost({TABLE_FREE: round(kernel.table_free_ns.value * PS_PER_NS)}, count=tables)
    before = [beginning(machine, workload.vmas, strategy), alloc]
    after = [flush_of_all(machine)]
    end_ps = round(fixed_us * kernel.exit_wait_pct.value / 100 * PS_PER_US)
    vma_ns = kernel.exit_vma_ns.value
    end = with_vmas(workload.vmas, vma_ns, EXIT_VMAS, fixed_ps=end_ps, fixed_cause=EXIT_WAIT)
    end[MM_CPUS] = round(spaces * cpus_ns * PS_PER_NS)
    if executes:
        end[EXEC] = round(fixed_us * kernel.exec_pct.value / 100 * PS_PER_US)
    after += [free, OutsideCost(end), flush_of_all(machine)]
    return Surroundings(before=tuple(before), after=tuple(after))


def shared_work(workload: Workload) -> SharedWork:
    """Return the use of locks, of page tables for the child, and of the folios' counters."""
    forked = fork.shared_work(workload)
    return replace(forked, folio_updates=2 * forked.folio_updates, calls=2)
