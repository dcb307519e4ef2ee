"""An operation as a list of stages whose durations are integer picoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from costmodel.operations.protocol import FlushRequest


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
