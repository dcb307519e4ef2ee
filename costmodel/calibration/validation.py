"""Compares published numbers with their predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from costmodel.calibration.predict import cell_of
from costmodel.calibration.row_class import limit_of
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.experiment import exact_seconds_on, matched
from costmodel.experiment.build_doubt import between_two_builds, doubt_of
from costmodel.experiment.run import CellKey, KnownTimes
from costmodel.published import Role, is_compared
from costmodel.uncertainty import model_error
from costmodel.uncertainty.model_error import AnswerClass
from costmodel.uncertainty.sampling import change_interval, log_samples, seconds_interval
from costmodel.uncertainty.spread import Interval

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

TIE_PCT = 0.05
"""A predicted change below this counts as none, because tiny changes have no reliable sign."""
SIGNIFICANT = 2.0
"""A published change has a sign if it is more than so many of its deviations away from zero."""


@dataclass(frozen=True)
class Assessment:
    """A published number and its prediction, both in the unit of ``target.mean``.

    ``interval`` is the model's 90 % interval: it contains the uncertainty of the machine's numbers,
    the range over builds, and what predictions of its class, ``answer``, miss beyond these.
    ``known`` is without the last, which is an error of a ``part`` of the time, or of both times of
    a change: of what they do not share (:meth:`costmodel.experiment.result.Result.part_apart`).
    """

    target: PublishedNumber
    predicted: float
    interval: Interval
    known: Interval
    answer: AnswerClass
    part: float = 1.0

    @property
    def error(self) -> float:
        """Predicted minus published: points for a change, percent of the time for a time."""
        if self.target.row_class.measure.is_relative:
            return 100 * (self._factor / self.target.factor - 1)
        return self.predicted - self.target.mean

    @property
    def size(self) -> float:
        """The size of the error; of a factor it is equal in both directions."""
        if self.target.row_class.measure.is_factor:
            return 100 * math.expm1(abs(math.log(self._factor / self.target.factor)))
        return abs(self.error)

    @property
    def limit(self) -> float:
        """The limit of ``size`` for its class and machine."""
        return limit_of(self.target.row_class, self.target.row.machine)

    @property
    def inside(self) -> bool:
        """Whether the published number lies in the interval."""
        return self.interval[0] <= self.target.mean <= self.interval[1]

    @property
    def is_miss(self) -> bool:
        """Whether the error is beyond its limit; rows of other builds never are, nor are times of a
        machine that another one stands for, but for their sign.
        """
        if self.target.role is Role.REPORT and self.has_sign and not self.sign_agrees:
            return True
        return self.is_judged and self.size > self.limit

    @property
    def is_judged(self) -> bool:
        """Whether the size of its error counts."""
        target = self.target
        if target.role is Role.REPORT:
            return target.baseline is not None or not target.row.measured_on
        return target.role in (Role.FIT, Role.CHECK)

    @property
    def has_sign(self) -> bool:
        """Whether the published number is a change of more than twice its uncertainty."""
        target = self.target
        if target.baseline is None or target.role is Role.BAND:
            return False
        spread = target.sigma if target.row.stdev is None else target.row.stdev
        return abs(target.mean) > SIGNIFICANT * spread

    @property
    def sign_agrees(self) -> bool:
        """Whether both changes have the same sign; a predicted tie has none."""
        same = (self.predicted > 0) == (self.target.mean > 0)
        return same and abs(self.predicted) > TIE_PCT

    @property
    def log_error(self) -> float:
        """The natural logarithm of the predicted factor over the published one."""
        return math.log(self._factor / self.target.factor)

    @property
    def known_logs(self) -> Interval:
        """Both ends of ``known`` as natural logarithms relative to the prediction."""
        change = self.target.baseline is not None
        low, high = (1 + end / 100 if change else end for end in self.known)
        return math.log(low / self._factor), math.log(high / self._factor)

    @property
    def _factor(self) -> float:
        return self.predicted if self.target.baseline is None else 1 + self.predicted / 100


def assess(machine: Machine, chosen: Sequence[PublishedNumber] | None = None) -> list[Assessment]:
    """Return the assessments of published numbers of a machine: of ``chosen`` ones, or of all.

    A change is predicted as ``costmodel run`` shows it, in one build of both strategies; a time is
    predicted in the build that the strategy's name means.
    """
    todo = targets(machine.name) if chosen is None else chosen
    times = KnownTimes()
    logs = cache(partial(_log_samples, times=times))
    return [_assessment(target, machine, times, logs) for target in todo]


def answer_class(number: PublishedNumber, machine: Machine) -> AnswerClass:
    """Return the class of the answer to a published number; ``machine`` is the one that is priced.

    Where that one stands for another machine, times of the two were never compared.
    """
    workload = number.case.workload
    if number.baseline is not None:
        return model_error.change_of(workload)
    compared = not number.row.measured_on and is_compared(machine, workload)
    return model_error.time_of(workload, compared=compared)


def _assessment(
    target: PublishedNumber,
    machine: Machine,
    times: KnownTimes,
    logs: Callable[[CellKey], tuple[float, ...]],
) -> Assessment:
    new = cell_of(target.case, machine)
    match = matched(new, cell_of(target.baseline or target.case, machine), times)
    own, base = (logs(CellKey(cell)) for cell in (match.new, match.base))
    doubt = doubt_of(match, times)
    answer = answer_class(target, new.machine)
    if target.baseline is None:
        seconds = times(match.new)
        whole, known = (
            seconds_interval(seconds, own, each)
            for each in (model_error.widened(doubt.seconds, answer), doubt.seconds)
        )
        return Assessment(target, seconds, whole, known, answer)
    value = 100 * (times(match.new) / times(match.base) - 1)
    # Where a baseline is compared with itself, two builds of it are.
    itself = target.case == target.baseline
    builds = between_two_builds(new, times) if itself else doubt.change
    part = times.result(match.new).part_apart(times.result(match.base))
    whole, known = (
        change_interval(value, own, base, each)
        for each in (model_error.widened(builds, answer, part), builds)
    )
    return Assessment(target, value, whole, known, answer, part)


def _log_samples(key: CellKey, times: KnownTimes) -> tuple[float, ...]:
    seconds = partial(exact_seconds_on, key.cell)
    return log_samples(key.cell.machine, times(key.cell), seconds)
