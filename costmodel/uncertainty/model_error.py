"""The error of the model itself: how far predictions are off although numbers and build are right.

It is what mechanisms cost that the model does not have. Its sizes, one for each class of answers,
are in ``model_error.yaml``. They come from published
numbers that nothing was fitted to; ``costmodel validate`` works them out anew.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cache

from costmodel.config.workload import Workload
from costmodel.config.yaml_text import shipped
from costmodel.uncertainty.spread import Interval

TRIED = ("fork", "zap")
"""The operations that the published threads measured; all else is known from reports alone."""


class AnswerClass(StrEnum):
    """A class of answers: each misses by as much as the others of its class."""

    ORDER_0 = "change, order 0"
    LARGE = "change, order >= 2"
    OTHER = "change, other operation"
    TIME = "time"
    UNCOMPARED = "time, never compared"


def change_of(workload: Workload) -> AnswerClass:
    """Return the class of a change of the time of a workload."""
    if workload.operation not in TRIED:
        return AnswerClass.OTHER
    return AnswerClass.LARGE if any(workload.folio_orders) else AnswerClass.ORDER_0


def time_of(workload: Workload, *, compared: bool) -> AnswerClass:
    """Return the class of a time; ``compared``: times of the machine were published."""
    tried = compared and workload.operation in TRIED
    return AnswerClass.TIME if tried else AnswerClass.UNCOMPARED


def size_pct(answer: AnswerClass, part: float = 1.0) -> float:
    """Return the half-width of a 90 % interval of it, in percent of the time or ratio of times.

    ``part`` is the part of the time, or of the two times of a ratio, that is off by the class's
    error: the rest is common to both (:meth:`costmodel.experiment.result.Result.part_apart`).
    """
    return 100 * math.expm1(part * math.log1p(float(_sizes()[answer.value]["pct"]) / 100))


def widened(builds: Interval, answer: AnswerClass, part: float = 1.0) -> Interval:
    """Return how far builds lie below and above, as logarithms, with the class's error beside it.

    Both are half-widths of 90 % intervals and independent, so that their squares add up. ``part``
    is that of :func:`size_pct`.
    """
    size = math.log1p(size_pct(answer, part) / 100)
    return -math.hypot(builds[0], size), math.hypot(builds[1], size)


@cache
def _sizes() -> dict[str, dict[str, float | str]]:
    found: dict[str, dict[str, float | str]] = shipped("costmodel.uncertainty", "model_error.yaml")
    return found
