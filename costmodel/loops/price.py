"""Prices loops on a machine, and compares them with what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from costmodel import cpu
from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.loops.body import trace_of
from costmodel.loops.form import Loop
from costmodel.units import TICKS_PER_CYCLE

ROWS = 8192
"""About how many micro-ops are executed before time is taken, so that the pipeline is warm."""
COUNTED = 2
"""How many times as many micro-ops are timed after that."""


class PricedLoop(NamedTuple):
    """The predicted time of a loop on a machine, and the measured one."""

    name: str
    predicted_cycles: float
    """Cycles of one iteration once the pipeline is warm."""
    measured_cycles: float | None

    @property
    def error_pct(self) -> float | None:
        """The error of the prediction in percent of the measured time; None without one."""
        if self.measured_cycles is None:
            return None
        return 100 * (self.predicted_cycles / self.measured_cycles - 1)


def price_loop(loop: Loop, machine: Machine) -> PricedLoop:
    """Return the time of one iteration of a loop in steady state, in cycles."""
    # All lines lie in the L1, so no atomic leaves for the home node where that keeps it near.
    if machine.atomics.far.value and machine.atomics.near_when_loaded.value:
        machine = machine.with_values({"atomics.far": False})
    instructions = loop.repeat * sum(group.count for group in loop.ops) + 3
    iterations = max(8, ROWS // instructions)
    warm, all_ = (
        cpu.run([TableRun(trace_of(loop, machine.isa, count), 1, ptes=count)], machine).ticks
        for count in (iterations, (1 + COUNTED) * iterations)
    )
    cycles = (all_ - warm) / (COUNTED * iterations * TICKS_PER_CYCLE)
    return PricedLoop(loop.name, cycles, loop.cycles)


def mean_absolute_error_pct(loops: Iterable[PricedLoop]) -> float | None:
    """Return the mean absolute error in percent; None where nothing was measured."""
    errors = [abs(loop.error_pct) for loop in loops if loop.error_pct is not None]
    return sum(errors) / len(errors) if errors else None
