"""The operation as a list of stages with durations in integer picoseconds, ready for SimPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MAX_STAGES = 16
"""Equal tables are drawn together until about this many stages remain (see ``Schedule.coarse``).

Against one stage per table this moves the time of 2 to 32 contending CPUs by less than 0.5 %.
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the operation: the fixed part, or ``count`` equal page tables in a row.

    Durations are integer picoseconds of one repetition. ``layout_ps`` moves with the physical
    layout of the run (noise scales it); ``broadcast_ps`` is spent on TLB invalidations that go out
    to the interconnect and does not move with layout. The published rows ask for that split:
    ``contpte-per-pte`` takes 37 times the baseline's time on the Altra, at no larger a stdev.
    """

    layout_ps: int
    broadcast_ps: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse a stage that runs backwards or never."""
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

    def coarse(self, stages: int = MAX_STAGES) -> Schedule:
        """Return an equal operation in fewer stages, for a simulation with many CPUs.

        Tables that broadcast nothing melt into their neighbours; those that broadcast are drawn
        together until about ``stages`` remain, so that SimPy's work does not grow with memory.
        """
        merged = _merge_silent(self.stages)
        repeats = sum(stage.count for stage in merged)
        group = max(1, -(-repeats // stages))
        return Schedule(tuple(part for stage in merged for part in _group(stage, group)))


def scale(time_ps: int, factor: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Return ``time_ps`` times each factor, rounded to the nearest picosecond, as int64."""
    return np.rint(np.asarray(factor, dtype=np.float64) * float(time_ps)).astype(np.int64)


def _merge_silent(stages: Sequence[Stage]) -> list[Stage]:
    merged: list[Stage] = []
    silent_ps = 0
    for stage in stages:
        if stage.broadcast_ps:
            if silent_ps:
                merged.append(Stage(silent_ps))
                silent_ps = 0
            merged.append(stage)
        else:
            silent_ps += stage.layout_ps * stage.count
    return [*merged, Stage(silent_ps)] if silent_ps or not merged else merged


def _group(stage: Stage, size: int) -> list[Stage]:
    if stage.count == 1:
        return [stage]
    whole, rest = divmod(stage.count, size)
    parts = [_times(stage, size, whole)] if whole else []
    return [*parts, _times(stage, rest, 1)] if rest else parts


def _times(stage: Stage, size: int, count: int) -> Stage:
    return Stage(
        layout_ps=stage.layout_ps * size,
        broadcast_ps=stage.broadcast_ps * size,
        count=count,
    )
