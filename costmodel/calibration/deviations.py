"""Compares published standard deviations between runs with those of the machine file's noise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costmodel.calibration.targets import BASELINE, STORM_PCT, usual_case
from costmodel.config.scenario import Protocol
from costmodel.operations.registry import DEFAULT
from costmodel.published import Metric, Role, Row, all_rows

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

RUNS = 100
"""How many runs are simulated: their deviation is known to 7 %, that of 8 runs only to 25 %."""
ROUNDING_PCT = 0.05
"""Published deviations have one decimal, so 0.0 means at most this."""


BELOW_PCT = {"xeon-4210r": 1.0}
"""Machines for which only an upper bound is published: ``stddev < 1%`` in the tables of T14."""


@dataclass(frozen=True)
class Deviation:
    """The standard deviation between runs for a machine and folio order, in percent of the mean.

    ``is_bound``: the published number is an upper bound.
    """

    machine: str
    order: int
    published: float
    predicted: float
    is_bound: bool = False

    @property
    def factor(self) -> float:
        """The ratio of the larger to the smaller one, at least 1."""
        ratio = self.predicted / max(self.published, ROUNDING_PCT)
        return max(ratio, 1.0 if self.is_bound else 1 / ratio)


def deviations(machine: Machine) -> list[Deviation]:
    """Return the published and predicted deviations of a machine, by folio order.

    The published one is the root mean square over rows of fork with 8 x 100 iterations. Storms of
    invalidations are left out, as their tables do not say what their deviations are percent of.
    """
    found = []
    for order in (0, 9):
        rows = [row for row in _rows(machine.name) if row.order == order]
        bound = BELOW_PCT.get(machine.name)
        if rows or bound:
            published = math.sqrt(np.mean([_stdev(row) ** 2 for row in rows])) if rows else bound
            predicted = predicted_pct(machine, order)
            found.append(
                Deviation(machine.name, order, published or 0.0, predicted, is_bound=not rows)
            )
    return found


def predicted_pct(machine: Machine, order: int) -> float:
    """Return the predicted deviation between runs of the baseline, in percent of its mean."""
    from costmodel.experiment import Cell, run_cell

    case = usual_case(BASELINE, order)
    cell = Cell(machine, case.workload, case.strategy, Protocol(runs=RUNS))
    summary = run_cell(cell).summary
    assert summary.stdev_between_runs is not None
    return 100 * summary.stdev_between_runs / summary.mean


def _rows(machine: str) -> Iterable[Row]:
    return (
        row
        for row in all_rows()
        if row.machine == machine
        and row.operation == DEFAULT
        and row.role in (Role.FIT, Role.CHECK)
        and row.repeats is None
        and row.metric is Metric.REL_PCT
        and row.stdev is not None
        and abs(row.mean) <= STORM_PCT
    )


def _stdev(row: Row) -> float:
    assert row.stdev is not None
    return row.stdev
