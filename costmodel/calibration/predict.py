"""Predicts published numbers on any machine, by exact times; each trace is made only once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.calibration.targets import Case, PublishedNumber
from costmodel.config.scenario import Protocol
from costmodel.experiment import Cell, exact_seconds_of
from costmodel.uncertainty.priors import Prior, variants

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

LogTimes = Mapping[Case, float]
"""The natural logarithm of the time in seconds of each case."""


def log_times(machine: Machine, cases: Iterable[Case]) -> dict[Case, float]:
    """Return the logarithm of the time in seconds of each case.

    Raises ConfigError for a case that cannot run on the machine.
    """
    asked = list(cases)
    seconds = exact_seconds_of([cell_of(case, machine) for case in asked])
    return {case: math.log(each) for case, each in zip(asked, seconds, strict=True)}


def cell_of(case: Case, machine: Machine) -> Cell:
    """Return the cell of a case, in the build that the strategy's name means."""
    own = machine.with_values(dict(case.numbers), origin="rows.yaml") if case.numbers else machine
    return Cell(own, case.workload, case.strategy, Protocol())


def log_factor(target: PublishedNumber, times: LogTimes) -> float:
    """Return the natural logarithm of the predicted ``target.factor``."""
    return times[target.case] - (times[target.baseline] if target.baseline else 0.0)


def predicted(target: PublishedNumber, times: LogTimes) -> float:
    """Return the prediction in the unit of ``target.mean``."""
    return target.of_log(log_factor(target, times))


def slopes(
    machine: Machine, cases: Iterable[Case], chosen: Sequence[Prior]
) -> dict[Prior, dict[Case, float]]:
    """Return how the logarithm of each case's time grows per ``sigma`` of each number."""
    base = log_times(machine, cases)
    found = {}
    for prior, (changed, by) in zip(chosen, variants(machine, chosen), strict=True):
        times = log_times(changed, base)
        found[prior] = {case: (times[case] - base[case]) / by for case in base}
    return found
