"""The least-squares problem of a fit: the residuals of published rows and of priors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Floats

if TYPE_CHECKING:
    from costmodel.calibration.targets import PublishedNumber
    from costmodel.config.machine import Machine
    from costmodel.uncertainty.priors import Prior

LogFactors = Callable[[Floats], Floats]
"""A function from the parameters in their own units, float64[p], to the predicted logarithm of
every datum, float64[n]."""


@dataclass(frozen=True)
class Data:
    """The data: names, natural logarithms of the published factors, and their deviations."""

    names: tuple[str, ...]
    log: Floats
    log_sigma: Floats

    def without(self, name: str) -> tuple[Data, NDArray[np.intp]]:
        """Return the data without one, and the positions of the others."""
        keep = np.flatnonzero(np.array(self.names) != name)
        left = Data(tuple(self.names[i] for i in keep), self.log[keep], self.log_sigma[keep])
        return left, keep


@dataclass(frozen=True)
class Problem:
    """The residuals as a function of ``z``, the parameters' distances from their priors.

    ``z``, float64[p], is in prior standard deviations. The first residuals are those of the data in
    units of their deviations; the rest is ``z`` itself, so a prior has the weight of one datum.
    """

    model: LogFactors
    data: Data
    priors: tuple[Prior, ...]

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """The lower and upper ends of the parameters' intervals, as ``z``."""
        low = [(p.low - p.value) / p.sigma for p in self.priors]
        high = [(p.high - p.value) / p.sigma for p in self.priors]
        return np.array(low), np.array(high)

    def numbers(self, z: Floats) -> Floats:
        """Return the parameters in their own units, clipped to their intervals."""
        return np.array(
            [
                min(max(p.value + p.sigma * step, p.low), p.high)
                for p, step in zip(self.priors, z, strict=True)
            ]
        )

    def residuals(self, z: Floats) -> Floats:
        """Return the residuals of data and priors, float64[n + p]."""
        misfit = (self.model(self.numbers(z)) - self.data.log) / self.data.log_sigma
        return np.concatenate([misfit, z])

    def data_jacobian(self, z: Floats) -> Floats:
        """Return the derivatives of the data's residuals, float64[n, p], by central differences.

        The steps are those of the priors, which are large enough for times in whole cycles.
        """
        at = self.numbers(z)
        columns = []
        for i, prior in enumerate(self.priors):
            ends = prior.steps(float(at[i]))
            low, high = (self.model(_put(at, i, end)) for end in ends)
            width = (ends[1] - ends[0]) / prior.sigma
            columns.append((high - low) / width if width else np.zeros_like(low))
        return np.stack(columns, axis=1) / self.data.log_sigma[:, None]

    def jacobian(self, z: Floats) -> Floats:
        """Return the derivatives of all residuals, float64[n + p, p]."""
        return np.concatenate([self.data_jacobian(z), np.eye(len(self.priors))])


def problem_of(
    machine: Machine, targets: Sequence[PublishedNumber], priors: tuple[Prior, ...]
) -> Problem:
    """Return the problem of fitting ``priors`` of a machine to published numbers."""
    from costmodel.calibration.predict import log_factor, log_times
    from costmodel.calibration.targets import cases
    from costmodel.uncertainty.priors import with_numbers

    needed = cases(targets)

    def model(numbers: Floats) -> Floats:
        changed = with_numbers(machine, dict(zip(priors, numbers.tolist(), strict=True)))
        times = log_times(changed, needed)
        return np.array([log_factor(target, times) for target in targets])

    data = Data(
        names=tuple(target.id for target in targets),
        log=np.log([target.factor for target in targets]),
        log_sigma=np.array([target.log_sigma for target in targets]),
    )
    return Problem(model, data, priors)


def _put(numbers: Floats, position: int, number: float) -> Floats:
    changed = numbers.copy()
    changed[position] = number
    return changed
