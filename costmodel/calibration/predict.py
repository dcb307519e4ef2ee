"""Times without noise on any machine: traced once, computed in milliseconds afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from costmodel.calibration.targets import Case, Target
from costmodel.config.scenario import Protocol
from costmodel.experiment import Cell, exact_seconds

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

LogTimes = Mapping[Case, float]
"""Natural logarithm of the seconds of each case."""


def log_times(machine: Machine, cases: Iterable[Case]) -> dict[Case, float]:
    """Return the logarithm of the seconds of each case; ConfigError for one that cannot run."""
    protocol = Protocol()
    return {
        case: math.log(exact_seconds(Cell(machine, case.workload, case.strategy, protocol)))
        for case in cases
    }


def log_factor(target: Target, times: LogTimes) -> float:
    """Return the predicted logarithm of ``target.factor``."""
    return times[target.case] - (times[target.baseline] if target.baseline else 0.0)


def predicted(target: Target, times: LogTimes) -> float:
    """Return the prediction in the unit of ``target.mean``."""
    return target.of_log(log_factor(target, times))
