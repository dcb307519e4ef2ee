"""Every published number beside its prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from costmodel.calibration.predict import cell_of
from costmodel.calibration.row_class import Measure, limit_of
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.experiment import exact_seconds, matched
from costmodel.experiment.build_doubt import between_two_builds, doubt_of
from costmodel.experiment.builds import Match
from costmodel.experiment.times import CellKey, KnownTimes
from costmodel.published import Role
from costmodel.uncertainty.sampling import change_interval, log_samples, seconds_interval
from costmodel.uncertainty.spread import Interval

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
    numbers and the range over builds go.
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
        return self.target.role in (Role.FIT, Role.CHECK) and self.size > self.limit

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
    """Predict what was published about a machine, or some of it; [] where nothing was.

    A change is predicted as ``costmodel run`` shows it, in one build of both; a time in the build
    that the strategy's name means.
    """
    todo = targets(machine.name) if chosen is None else chosen
    times = KnownTimes()
    logs = cache(partial(_log_samples, times=times))
    return [_assessment(target, machine, times, logs) for target in todo]


def _assessment(
    target: PublishedNumber,
    machine: Machine,
    times: KnownTimes,
    logs: Callable[[CellKey], tuple[float, ...]],
) -> Assessment:
    new = cell_of(target.case, machine)
    if target.baseline is None:
        seconds, doubt = times(new), doubt_of(Match(new, new, (new, new)), times)
        interval = seconds_interval(seconds, logs(CellKey(new)), doubt.seconds)
        return Assessment(target, seconds, interval)
    match = matched(new, cell_of(target.baseline, machine), times)
    value = 100 * (times(match.new) / times(match.base) - 1)
    doubt = doubt_of(match, times)
    # Where a baseline is compared with itself, two builds of it are.
    itself = target.case == target.baseline
    builds = between_two_builds(new, times) if itself else doubt.change
    own, base = (logs(CellKey(cell)) for cell in (match.new, match.base))
    return Assessment(target, value, change_interval(value, own, base, builds))


def _log_samples(key: CellKey, times: KnownTimes) -> tuple[float, ...]:
    def seconds(changed: Machine) -> float:
        return exact_seconds(replace(key.cell, machine=changed))

    return log_samples(key.cell.machine, times(key.cell), seconds)
