"""Every published number beside its prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodel.calibration.row_class import Measure, limit_of
from costmodel.calibration.targets import Case, PublishedNumber, cases, targets
from costmodel.published import Role
from costmodel.uncertainty.spread import Interval, log_slopes, spread_of

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

TIE_PCT = 0.05
"""A predicted change below this has no sign: millionths go now this way, now that way."""
SIGNIFICANT = 2.0
"""Deviations from zero beyond which a published change has a sign."""


@dataclass(frozen=True)
class Assessment:
    """A published number and its prediction, both in the unit of ``target.mean``.

    ``interval`` holds 90 % of what would be measured, as far as the uncertainty of the machine's
    numbers and the build-to-build band go.
    """

    target: PublishedNumber
    predicted: float
    interval: Interval

    @property
    def error(self) -> float:
        """Predicted less published: points of a change, else percent of the time."""
        if self.target.row_class.measure.is_relative:
            return 100 * (self._factor / self.target.factor - 1)
        return self.predicted - self.target.mean

    @property
    def size(self) -> float:
        """How large the error is; a factor counts alike in both directions."""
        if self.target.row_class.measure is Measure.STORM:
            return 100 * math.expm1(abs(math.log(self._factor / self.target.factor)))
        return abs(self.error)

    @property
    def limit(self) -> float:
        """What ``size`` should stay below."""
        return limit_of(self.target.row_class, self.target.row.machine)

    @property
    def inside(self) -> bool:
        """Whether the published number lies in the interval."""
        return self.interval[0] <= self.target.mean <= self.interval[1]

    @property
    def is_miss(self) -> bool:
        """Whether the error is beyond its limit. Other builds are not predicted, so never miss."""
        return self.target.role is not Role.BAND and self.size > self.limit

    @property
    def has_sign(self) -> bool:
        """Whether the published number is a change beyond twice its uncertainty."""
        target = self.target
        if target.baseline is None or target.role is Role.BAND:
            return False
        spread = target.sigma if target.row.stdev is None else target.row.stdev
        return abs(target.mean) > SIGNIFICANT * spread

    @property
    def sign_agrees(self) -> bool:
        """Whether both changes go the same way; a predicted tie goes none."""
        same = (self.predicted > 0) == (self.target.mean > 0)
        return same and abs(self.predicted) > TIE_PCT

    @property
    def _factor(self) -> float:
        return self.predicted if self.target.baseline is None else 1 + self.predicted / 100


def assess(machine: Machine, chosen: Sequence[PublishedNumber] | None = None) -> list[Assessment]:
    """Predict what was published about a machine, or some of it; [] where nothing was."""
    from costmodel.calibration.predict import log_times, predicted

    todo = targets(machine.name) if chosen is None else chosen
    needed = cases(todo)
    times = log_times(machine, needed)
    slopes = {case: _slopes(machine, case, times[case]) for case in needed}
    spread = spread_of(machine)
    found = []
    for target in todo:
        value = predicted(target, times)
        own = slopes[target.case]
        interval = (
            spread.seconds_interval(value, own)
            if target.baseline is None
            # Where a baseline is compared with itself, two builds of it are.
            else spread.change_interval(value, own, slopes[target.baseline])
        )
        found.append(Assessment(target, value, interval))
    return found


def _slopes(machine: Machine, case: Case, log_seconds: float) -> tuple[float, ...]:
    from costmodel.calibration.predict import log_times

    def seconds(changed: Machine) -> float:
        return math.exp(log_times(changed, [case])[case])

    return log_slopes(machine, math.exp(log_seconds), seconds)
