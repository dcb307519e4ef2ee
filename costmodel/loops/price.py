"""What a machine makes of loops, and how far that is from what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from costmodel import cpu
from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.cpu.parameters import TICKS_PER_CYCLE
from costmodel.loops.body import trace_of
from costmodel.loops.form import Loop

ROWS = 8192
"""Micro-ops that fill the window, about: many iterations of a short loop, some of a long one."""
COUNTED = 2
"""Times as many behind them, whose time counts."""


class PricedLoop(NamedTuple):
    """A loop on a machine."""

    name: str
    predicted_cycles: float
    """Cycles of one iteration once the pipeline is warm."""
    measured_cycles: float | None

    @property
    def error_pct(self) -> float | None:
        """Predicted less measured in percent of measured; None where nothing was measured."""
        if self.measured_cycles is None:
            return None
        return 100 * (self.predicted_cycles / self.measured_cycles - 1)


def price_loop(loop: Loop, machine: Machine) -> PricedLoop:
    """Return what one iteration costs in a machine's steady state."""
    instructions = loop.repeat * sum(group.count for group in loop.ops) + 3
    iterations = max(8, ROWS // instructions)
    warm, all_ = (
        cpu.run([TableRun(trace_of(loop, machine.isa, count), 1, ptes=count)], machine).ticks
        for count in (iterations, (1 + COUNTED) * iterations)
    )
    cycles = (all_ - warm) / (COUNTED * iterations * TICKS_PER_CYCLE)
    return PricedLoop(loop.name, cycles, loop.cycles)


def mean_absolute_error_pct(loops: Iterable[PricedLoop]) -> float | None:
    """Return the mean of the errors' sizes; None where nothing was measured."""
    errors = [abs(loop.error_pct) for loop in loops if loop.error_pct is not None]
    return sum(errors) / len(errors) if errors else None
