"""Tests a fit by leaving out each datum in turn and predicting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel.calibration.fit import fit
from costmodel.calibration.problem import Floats, Problem


@dataclass(frozen=True)
class WithoutRow:
    """A datum that was left out of a fit; both numbers are natural logarithms of factors."""

    name: str
    published: float
    predicted: float

    @property
    def error_pct(self) -> float:
        """The error of the predicted time or ratio, in percent of the published one."""
        return 100 * float(np.expm1(self.predicted - self.published))


def leave_one_out(
    problem: Problem, *, starts: int = 1, progress: Callable[[], object] = lambda: None
) -> list[WithoutRow]:
    """Return each datum as predicted by a fit without it; the priors stay.

    ``starts`` is that of :func:`costmodel.calibration.fit.fit`; ``progress`` is called per datum.
    """
    found = []
    for position, name in enumerate(problem.data.names):
        data, keep = problem.data.without(name)
        part = replace(problem, data=data, model=_some(problem.model, keep))
        numbers = part.numbers(fit(part, starts=starts).z)
        predicted = problem.model(numbers)[position]
        found.append(WithoutRow(name, float(problem.data.log[position]), float(predicted)))
        progress()
    return found


def _some(model: Callable[[Floats], Floats], keep: Any) -> Callable[[Floats], Floats]:
    return lambda numbers: model(numbers)[keep]
