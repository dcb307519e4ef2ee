"""Fits a few machine numbers inside their bounds from several starts, with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import qmc

from costmodel.arrays import Floats
from costmodel.calibration.problem import Problem

STARTS = 4
SEED = 1
SAME_COST = 0.1
"""Costs (half the sum of squares) nearer than this count as the same optimum."""
AT_BOUND = 1e-3
"""Part of the interval within which a number is said to lie on its bound."""
WEAK = 1.0
"""A direction with less strength than this is known better from the sources than from the data."""
MOST_STEPS = 40
POLISH_STEPS = (1.0, 0.5, 0.25, 0.1)
"""Steps tried around the optimum of the smooth problem, as shares of a finite difference."""


@dataclass(frozen=True)
class Direction:
    """A combination of numbers, in prior standard deviations, and how well the data determine it.

    ``strength`` is by how many of their deviations the data move when the combination moves by one
    prior deviation. Far below 1 the data say nothing about it.
    """

    weights: dict[str, float]
    strength: float

    @property
    def is_weak(self) -> bool:
        """Whether the data say less about this combination than the priors."""
        return self.strength < WEAK


@dataclass(frozen=True)
class Fitted:
    """The result of a fit.

    ``z`` and ``covariance`` are in prior standard deviations, see :class:`Problem`; ``cost`` is
    half the sum of squared residuals. ``agreeing_starts`` of ``starts`` starts found this optimum.
    """

    problem: Problem
    z: Floats
    cost: float
    covariance: Floats
    directions: tuple[Direction, ...]
    agreeing_starts: int
    starts: int

    @property
    def numbers(self) -> dict[str, float]:
        """The fitted numbers in their own units, by key."""
        values = self.problem.numbers(self.z)
        return {p.key: float(v) for p, v in zip(self.problem.priors, values, strict=True)}

    @property
    def standard_errors(self) -> dict[str, float]:
        """The standard errors of the fitted numbers in their own units.

        Numbers that are not fitted are taken as known for them.
        """
        errors = np.sqrt(np.diag(self.covariance))
        return {p.key: p.sigma * float(e) for p, e in zip(self.problem.priors, errors, strict=True)}

    @property
    def correlation(self) -> Floats:
        """The correlation of the estimates, float64[p, p]."""
        errors = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(errors, errors))

    @property
    def degrees_of_freedom(self) -> int:
        """The number of data minus that of parameters; priors add one to each."""
        return len(self.problem.data.names) - len(self.problem.priors)

    @property
    def misfits(self) -> dict[str, float]:
        """Predicted minus published for each datum, in its standard deviations."""
        residuals = self.problem.residuals(self.z)[: len(self.problem.data.names)]
        return dict(zip(self.problem.data.names, residuals.tolist(), strict=True))

    @property
    def on_bounds(self) -> list[str]:
        """The keys of numbers that are on a bound of their interval."""
        low, high = self.problem.bounds
        margin = AT_BOUND * (high - low)
        near = (self.z <= low + margin) | (self.z >= high - margin)
        return [p.key for p, there in zip(self.problem.priors, near, strict=True) if there]


def fit(
    problem: Problem, *, starts: int = STARTS, progress: Callable[[], object] = lambda: None
) -> Fitted:
    """Return the best fit, from the priors and from ``starts - 1`` points spread over the bounds.

    ``progress`` is called after each start. The points are a Latin hypercube with a fixed seed, so
    the result is always the same. Raises ValueError for fewer than one start.
    """
    if starts < 1:
        raise ValueError(f"'starts' must be at least 1 (got {starts!r})")
    results = []
    for start in _starts(problem, starts):
        results.append(_polished(problem, _solve(problem, start)))
        progress()
    best, lowest = min(results, key=lambda result: result[1])
    agreeing = sum(cost <= lowest + SAME_COST for _, cost in results)
    return replace(_fitted(problem, best, lowest), agreeing_starts=agreeing, starts=starts)


def _starts(problem: Problem, count: int) -> Iterator[Floats]:
    low, high = problem.bounds
    yield np.clip(np.zeros(len(problem.priors)), low, high)
    if count > 1:
        sampler = qmc.LatinHypercube(d=len(problem.priors), rng=SEED)
        yield from qmc.scale(sampler.random(count - 1), low, high)


def _solve(problem: Problem, start: Floats) -> Floats:
    low, high = problem.bounds
    inside = 1e-6 * (high - low)
    result = least_squares(
        problem.residuals,
        np.clip(start, low + inside, high - inside),
        jac=problem.jacobian,
        bounds=(low, high),
        max_nfev=MOST_STEPS,
        # Below a hundredth of a deviation there are only plateaus of the cycle grid.
        xtol=1e-3,
        ftol=1e-4,
    )
    return np.asarray(result.x, np.float64)


def _polished(problem: Problem, z: Floats) -> tuple[Floats, float]:
    """Return the lowest point near ``z``, and its cost.

    The core counts whole cycles, so the cost has steps that no derivative sees: a latency of 18.02
    cycles acts as 19.
    """
    lowest = _cost(problem, z)
    for share in POLISH_STEPS:
        for i, prior in enumerate(problem.priors):
            for number in prior.neighbours(float(problem.numbers(z)[i]), share):
                moved = z.copy()
                moved[i] = (number - prior.value) / prior.sigma
                cost = _cost(problem, moved)
                if cost < lowest:
                    z, lowest = moved, cost
    return z, lowest


def _cost(problem: Problem, z: Floats) -> float:
    return 0.5 * float(np.sum(problem.residuals(z) ** 2))


def _fitted(problem: Problem, z: Floats, cost: float) -> Fitted:
    jacobian = problem.data_jacobian(z)
    information = jacobian.T @ jacobian + np.eye(len(problem.priors))
    return Fitted(
        problem=problem,
        z=z,
        cost=cost,
        covariance=np.asarray(np.linalg.inv(information), np.float64),
        directions=tuple(_directions(problem, jacobian)),
        agreeing_starts=1,
        starts=1,
    )


def _directions(problem: Problem, jacobian: Floats) -> Iterator[Direction]:
    """Yield the principal directions of the parameters, those best known from the data first."""
    size = len(problem.priors)
    _, strengths, axes = np.linalg.svd(jacobian, full_matrices=True)
    strengths = np.concatenate([strengths, np.zeros(size - len(strengths))])
    for axis, strength in zip(axes, strengths, strict=True):
        largest = axis[np.argmax(np.abs(axis))]
        weights = (axis * np.sign(largest)).tolist()
        keys = [prior.key for prior in problem.priors]
        yield Direction(dict(zip(keys, weights, strict=True)), float(strength))
