"""From the core's timing to a schedule in picoseconds and a CPI stack that sums to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.cpu.parameters import ticks_to_ps
from costmodel.mm.pte import TABLE_PTES
from costmodel.simulation.schedule import PS_PER_NS, PS_PER_US, Schedule, Stage

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.cpu.stack import TableCost, Timing

TABLE_ALLOC = "table_alloc"
"""Cause of what the recorded instructions of allocating a page table do not show."""
FIXED = "fork_fixed"
"""Cause of the time outside the copy loop: task, mm, VMAs."""
ASID_FLUSH = "asid_flush"
"""Cause of the flush of the address space at the end of fork()."""
UNMAP_CALL = "unmap_call"
"""Cause of the time of munmap() or madvise() outside the page tables."""
TABLE_FREE = "table_free"
"""Cause of the freeing of empty page tables."""
INTERCONNECT = "interconnect"
"""Cause of the time that other CPUs' broadcasts take away."""


@dataclass(frozen=True)
class Operation:
    """One operation on one machine, without noise.

    ``stack_ps`` splits the time of a lone CPU by cause; it sums to ``schedule.total_ps`` (up to
    the rounding of floating point). ``bus_share``: the share of the time of a broadcast TLB
    invalidation for which it holds the interconnect: its growth with each further CPU over its
    time on one, as CPUs that queue wait that long for each other. ``segments_ps`` splits it by
    part: ``copy``, or ``unmap`` and ``release`` (freeing the pages); ``around`` is the rest.
    """

    schedule: Schedule
    stack_ps: Mapping[str, float]
    bus_share: float
    segments_ps: Mapping[str, float]


def price(
    timing: Timing, machine: Machine, operation: str, *, workload: Workload | None = None
) -> Operation:
    """Return the operation whose page tables take ``timing`` on ``machine``.

    ``operation`` is "fork" or "zap"; fork adds the allocator's slow path to every table, its fixed
    part before the tables and the flush of the address space behind them. Zap adds its calls and
    their flushes and frees the tables, as many as ``workload`` has (none without it).
    """
    clock_ghz = float(machine.core.clock_ghz.value)
    alloc_ps = round(machine.kernel.table_alloc_ns.value * PS_PER_NS) if operation == "fork" else 0
    stages: list[Stage] = []
    stack: dict[str, float] = {}
    segments: dict[str, float] = {}
    for table in timing.tables:
        stage = _stage(table, clock_ghz)
        for name, ticks in table.segments.items():
            segments[name] = segments.get(name, 0.0) + ticks_to_ps(ticks, clock_ghz) * stage.count
        stages.append(replace(stage, layout_ps=stage.layout_ps + alloc_ps))
        stack[TABLE_ALLOC] = stack.get(TABLE_ALLOC, 0.0) + alloc_ps * stage.count
        table_ps = (stage.layout_ps + stage.broadcast_ps) * stage.count
        for cause, ticks in table.stack_ticks.items():
            name = cause.name.lower()
            stack[name] = stack.get(name, 0.0) + table_ps * ticks / table.ticks
    if operation == "fork":
        stages, stack = _with_fork(stages, stack, machine)
    elif workload is not None:
        stages, stack = _with_zap(stages, stack, machine, workload, timing.flushes)
    schedule = Schedule(tuple(stages))
    around = schedule.total_ps - sum(segments.values())
    return Operation(
        schedule=schedule,
        stack_ps={cause: ps for cause, ps in stack.items() if ps},
        bus_share=_bus_share(machine),
        segments_ps={**segments, "around": around},
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
    end = _flush(machine, flush)
    return [Stage(fixed), *stages, end], {**stack, FIXED: float(fixed), ASID_FLUSH: float(flush)}


def _flush(machine: Machine, flush_ps: int, count: int = 1, *, with_ps: int = 0) -> Stage:
    """Return flushes, each with other work before it.

    On arm64 a flush is one broadcast; x86 flushes by writing CR3, which nobody else sees.
    """
    if machine.isa == "arm64":
        return Stage(with_ps, flush_ps, count)
    return Stage(with_ps + flush_ps, 0, count)


def _with_zap(
    stages: list[Stage],
    stack: dict[str, float],
    machine: Machine,
    workload: Workload,
    forced: int,
) -> tuple[list[Stage], dict[str, float]]:
    """Add calls with a flush each, ``forced`` flushes, and tables that go with their mapping."""
    per_page = workload.state == "dontneed-per-page"
    calls = workload.pages if per_page else 1
    tables = 0 if workload.state.startswith("dontneed") else -(-workload.pages // TABLE_PTES)
    call = round(machine.kernel.unmap_call_ns.value * PS_PER_NS)
    free = round(machine.kernel.table_free_ns.value * PS_PER_NS)
    flush = round(_unmap_flush_ns(machine, per_page=per_page) * PS_PER_NS)
    full = round(machine.tlbi.asid_flush_ns.value * PS_PER_NS)
    more = [_flush(machine, full, forced)] if forced else []
    if tables:
        more.append(Stage(free, 0, tables))
    more.append(_flush(machine, flush, calls, with_ps=call))
    added = {
        UNMAP_CALL: call * calls,
        ASID_FLUSH: flush * calls + full * forced,
        TABLE_FREE: free * tables,
    }
    return [*stages, *more], {**stack, **{name: float(ps) for name, ps in added.items()}}


def _unmap_flush_ns(machine: Machine, *, per_page: bool) -> float:
    """Return the time of the flush of a call: of one page where arm64 can, else of everything."""
    if per_page and machine.isa == "arm64":
        return float(machine.tlbi.issue_ns.value + machine.tlbi.broadcast_ns.value)
    return float(machine.tlbi.asid_flush_ns.value)
