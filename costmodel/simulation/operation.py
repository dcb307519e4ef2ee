"""From the core's timing to a schedule in picoseconds and a CPI stack that sums to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.core.parameters import ticks_to_ps
from costmodel.simulation.schedule import PS_PER_NS, PS_PER_US, Schedule, Stage

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.core.stack import TableCost, Timing

TABLE_ALLOC = "table_alloc"
"""Cause of what the recorded instructions of allocating a page table do not show."""
FIXED = "fork_fixed"
"""Cause of the time outside the copy loop: task, mm, VMAs."""
ASID_FLUSH = "asid_flush"
"""Cause of the flush of the address space at the end of fork()."""
INTERCONNECT = "interconnect"
"""Cause of the time that other CPUs' broadcasts take away."""


@dataclass(frozen=True)
class Operation:
    """One operation on one machine, without noise.

    ``stack_ps`` splits the time of a lone CPU by cause; it sums to ``schedule.total_ps`` (up to
    the rounding of floating point). ``bus_share``: the share of the time of a broadcast TLB
    invalidation for which it holds the interconnect: its growth with each further CPU over its
    time on one, as CPUs that queue wait that long for each other.
    """

    schedule: Schedule
    stack_ps: Mapping[str, float]
    bus_share: float


def price(timing: Timing, machine: Machine, operation: str) -> Operation:
    """Return the operation whose page tables take ``timing`` on ``machine``.

    ``operation`` is "fork" or "zap"; fork adds the allocator's slow path to every table, its fixed
    part before the tables and the flush of the address space behind them.
    """
    clock_ghz = float(machine.core.clock_ghz.value)
    alloc_ps = round(machine.kernel.table_alloc_ns.value * PS_PER_NS) if operation == "fork" else 0
    stages: list[Stage] = []
    stack: dict[str, float] = {}
    for table in timing.tables:
        stage = _stage(table, clock_ghz)
        stages.append(replace(stage, layout_ps=stage.layout_ps + alloc_ps))
        stack[TABLE_ALLOC] = stack.get(TABLE_ALLOC, 0.0) + alloc_ps * stage.count
        table_ps = (stage.layout_ps + stage.broadcast_ps) * stage.count
        for cause, ticks in table.stack_ticks.items():
            name = cause.name.lower()
            stack[name] = stack.get(name, 0.0) + table_ps * ticks / table.ticks
    if operation == "fork":
        stages, stack = _with_fork(stages, stack, machine)
    return Operation(
        schedule=Schedule(tuple(stages)),
        stack_ps={cause: ps for cause, ps in stack.items() if ps},
        bus_share=_bus_share(machine),
    )


def _bus_share(machine: Machine) -> float:
    alone_ns = machine.tlbi.broadcast_ns.value
    return min(1.0, machine.tlbi.per_cpu_ns.value / alone_ns) if alone_ns else 0.0


def _stage(table: TableCost, clock_ghz: float) -> Stage:
    total = sum(ticks_to_ps(ticks, clock_ghz) for ticks in table.segments.values())
    broadcast = min(total, ticks_to_ps(table.broadcast_ticks, clock_ghz))
    return Stage(
        layout_ps=total - broadcast,
        broadcast_ps=broadcast,
        count=table.count,
    )


def _with_fork(
    stages: list[Stage], stack: dict[str, float], machine: Machine
) -> tuple[list[Stage], dict[str, float]]:
    fixed = round(machine.kernel.fork_fixed_us.value * PS_PER_US)
    flush = round(machine.tlbi.asid_flush_ns.value * PS_PER_NS)
    # On arm64 the flush is one broadcast; x86 flushes by writing CR3, which nobody else sees.
    end = Stage(0, flush) if machine.isa == "arm64" else Stage(flush)
    return [Stage(fixed), *stages, end], {**stack, FIXED: float(fixed), ASID_FLUSH: float(flush)}
