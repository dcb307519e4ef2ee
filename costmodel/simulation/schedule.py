"""An operation as a list of stages whose durations are integer picoseconds, and their prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.operations.protocol import FlushRequest
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.flush import ASID_FLUSH
from costmodel.units import AROUND, ticks_to_ps

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.cpu.stack import TableCost, Timing
    from costmodel.operations.protocol import OutsideCost, Surroundings


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the operation: the fixed part, or ``count`` equal page tables in a row.

    Durations are integer picoseconds of one repetition. ``layout_ps`` depends on the physical
    layout of the run, and noise scales it. ``broadcast_ps`` is spent on TLB invalidations that go
    out to the interconnect, which noise does not scale. The published rows ask for that split:
    ``contpte-per-pte`` takes 37 times the baseline's time on the Altra at no larger a standard
    deviation. Raises ValueError for a negative duration or a count below 1.
    """

    layout_ps: int
    broadcast_ps: int = 0
    count: int = 1
    tlbis: int = 0
    """How many invalidations are broadcast in ``broadcast_ps``."""
    flush: FlushRequest | None = None
    """The flush at the end of each repetition, which other CPUs of the address space see."""

    def __post_init__(self) -> None:
        """Raise ValueError for a stage that takes negative time or never runs."""
        for name in ("layout_ps", "broadcast_ps"):
            if getattr(self, name) < 0:
                raise ValueError(f"'{name}' must not be negative (got {getattr(self, name)})")
        if self.count < 1:
            raise ValueError(f"'count' must be at least 1 (got {self.count})")


@dataclass(frozen=True)
class Schedule:
    """Every stage of one operation, in order."""

    stages: tuple[Stage, ...]

    @cached_property
    def layout_ps(self) -> int:
        """Time that noise from the physical layout scales, in picoseconds."""
        return sum(stage.layout_ps * stage.count for stage in self.stages)

    @cached_property
    def broadcast_ps(self) -> int:
        """Time spent on broadcast TLB invalidations, in picoseconds."""
        return sum(stage.broadcast_ps * stage.count for stage in self.stages)

    @property
    def total_ps(self) -> int:
        """Time of the undisturbed operation on a lone CPU, in picoseconds."""
        return self.layout_ps + self.broadcast_ps

    def work_ps(self, factor: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the work in picoseconds under each layout ``factor``, int64 of the same shape."""
        return scale(self.layout_ps, factor) + self.broadcast_ps


def scale(time_ps: int, factor: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Return ``time_ps`` times each factor, rounded to the nearest picosecond, as int64."""
    return np.rint(np.asarray(factor, dtype=np.float64) * float(time_ps)).astype(np.int64)


@dataclass(frozen=True)
class PricedOperation:
    """One operation on one machine, without noise: its page tables and what lies around them."""

    timing: Timing
    """What the core takes for the page tables."""
    around: Surroundings
    """What lies around them."""
    syncs_per_tlbi: float
    """The number of barriers that wait for broadcasts in the page tables for each TLBI there, at
    most 1."""

    @cached_property
    def schedule(self) -> Schedule:
        """Every stage in order."""
        per_table_ps = sum(self.around.per_table.values())
        made: dict[tuple[int, int], Stage] = {}
        for entry in self.timing.order:
            if entry not in made:
                at, count = entry
                total_ps, broadcast_ps = self._tables_ps[at]
                layout_ps = total_ps - broadcast_ps + per_table_ps
                tlbis = self.timing.costs[at].broadcasts
                made[entry] = Stage(layout_ps, broadcast_ps, count, tlbis)
        before, after = (map(_stage, parts) for parts in (self.around.before, self.around.after))
        return Schedule((*before, *map(made.__getitem__, self.timing.order), *after))

    @cached_property
    def total_ps(self) -> int:
        """Time of the undisturbed operation on a lone CPU: that of its schedule."""
        per_table_ps = sum(self.around.per_table.values())
        of_tables = zip(self._tables_ps, self.timing.counts, strict=True)
        return sum((each + per_table_ps) * count for (each, _), count in of_tables) + sum(
            (part.layout_ps + part.broadcast_ps) * part.count for part in self._outside
        )

    @property
    def stack_ps(self) -> Mapping[str, float]:
        """The time of a lone CPU by cause.

        It sums to ``total_ps`` up to the rounding of floating-point numbers.
        """
        stack: dict[str, float] = {}
        for table, (total_ps, _), count in self._each_cost:
            for cause, ps in self.around.per_table.items():
                stack[cause] = stack.get(cause, 0.0) + ps * count
            for of_core, ticks in table.stack_ticks.items():
                name = of_core.name.lower()
                stack[name] = stack.get(name, 0.0) + total_ps * count * ticks / table.ticks
        for part in self._outside:
            for cause, ps in part.causes_ps.items():
                stack[cause] = stack.get(cause, 0.0) + ps * part.count
        return {cause: ps for cause, ps in stack.items() if ps}

    @property
    def segments_ps(self) -> Mapping[str, float]:
        """The time of a lone CPU by part of the operation.

        These are the loop (such as ``copy`` or ``unmap``), for zap the freeing of pages
        (``release``), and the rest (``AROUND``).
        """
        segments: dict[str, float] = {}
        for table, _, count in self._each_cost:
            for name, ticks in table.segments.items():
                ps = ticks_to_ps(ticks, self.timing.clock_ghz) * count
                segments[name] = segments.get(name, 0.0) + ps
        return {**segments, AROUND: self.total_ps - sum(segments.values())}

    @property
    def outside_ps(self) -> int:
        """The time outside the page tables without flushes."""
        return sum(
            ps * part.count
            for part in self._outside
            for cause, ps in part.causes_ps.items()
            if cause != ASID_FLUSH
        )

    @property
    def _outside(self) -> tuple[OutsideCost, ...]:
        return *self.around.before, *self.around.after

    @cached_property
    def _tables_ps(self) -> list[tuple[int, int]]:
        return [_table_ps(cost, self.timing.clock_ghz) for cost in self.timing.costs]

    @property
    def _each_cost(self) -> Iterator[tuple[TableCost, tuple[int, int], int]]:
        """Each cost of a table, its time and that for broadcasts, and how many tables have it."""
        return zip(self.timing.costs, self._tables_ps, self.timing.counts, strict=True)


def price_operation(
    timing: Timing,
    machine: Machine,
    workload: Workload,
    runs: Sequence[TableRun],
    *,
    strategy: str,
) -> PricedOperation:
    """Return the priced operation of ``workload``: its page tables and what lies around them.

    ``runs`` is what the strategy called ``strategy`` executes on the page tables, ``timing`` how
    long the core takes for that.
    """
    operation = operation_named(workload.operation)
    around = operation.surroundings(machine, workload, runs, strategy=strategy)
    return PricedOperation(timing, around, _syncs_per_tlbi(runs))


def _syncs_per_tlbi(runs: Sequence[TableRun]) -> float:
    counts = [sum(run.count * run.trace.kinds().get(kind, 0) for run in runs)
              for kind in ("tlbi", "dsb")]  # fmt: skip
    tlbis, barriers = counts
    # A barrier behind no TLBI waits for none.
    return min(1.0, barriers / tlbis) if tlbis else 1.0


def _table_ps(table: TableCost, clock_ghz: float) -> tuple[int, int]:
    """Return the time of one page table, and how much of it waits for broadcasts."""
    total = sum(ticks_to_ps(ticks, clock_ghz) for ticks in table.segments.values())
    return total, min(total, ticks_to_ps(table.broadcast_ticks, clock_ghz))


def _stage(part: OutsideCost) -> Stage:
    tlbis = 1 if part.broadcast_ps else 0
    return Stage(part.layout_ps, part.broadcast_ps, part.count, tlbis, part.flush)
