"""How well is each fitted number predicted by a fit that does not know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel.calibration.fit import fit
from costmodel.calibration.problem import Floats, Problem


@dataclass(frozen=True)
class WithoutRow:
    """One datum that was not fitted: natural logarithms of factors."""

    name: str
    published: float
    predicted: float

    @property
    def error_pct(self) -> float:
        """Predicted against published time or ratio, in percent of it."""
        return 100 * float(np.expm1(self.predicted - self.published))


def leave_one_out(
    problem: Problem, *, starts: int = 1, progress: Callable[[], object] = lambda: None
) -> list[WithoutRow]:
    """Fit once per datum, each time without it; the priors stay. Calls ``progress`` per datum."""
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
