"""Calibrates a machine: the fit, its leave-one-out test, the joint uncertainty, and the report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.arrays import Floats
from costmodel.calibration.choices import FITTED, fitted_keys
from costmodel.calibration.fit import STARTS, Fitted, fit
from costmodel.calibration.problem import Problem, problem_of
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.config.errors import ConfigError
from costmodel.published import Role
from costmodel.uncertainty.priors import priors
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.config.fit import Uncertainty
    from costmodel.config.machine import Machine


@dataclass(frozen=True)
class Calibration:
    """The fit of a machine, and how well its numbers are then known."""

    machine: Machine
    """The machine before the fit."""
    rows: tuple[PublishedNumber, ...]
    fitted: Fitted
    left_out: tuple[WithoutRow, ...]
    uncertainty: Uncertainty


def fit_rows(machine: str) -> tuple[PublishedNumber, ...]:
    """Return the published numbers that are fitted on a machine."""
    return tuple(t for t in targets(machine) if t.role is Role.FIT and not t.implied)


def check_can_calibrate(machine: Machine) -> None:
    """Raise ConfigError for a machine without published measurements."""
    if machine.name not in FITTED:
        reason = f"has no published rows to fit; those that have: {', '.join(FITTED)}"
        raise ConfigError.of("calibrate", reason, key=machine.name)


def calibrate(
    machine: Machine, *, starts: int = STARTS, progress: Callable[[], object] = lambda: None
) -> Calibration:
    """Fit the numbers that ``choices.FITTED`` names for a machine.

    ``starts`` is the number of points that the fit starts from. ``progress`` is called
    :func:`progress_steps` times. Raises ConfigError for a machine without published measurements.
    """
    from costmodel.calibration.joint import uncertainty
    from costmodel.calibration.machine_file import with_fit

    check_can_calibrate(machine)
    rows = fit_rows(machine.name)
    keys = fitted_keys(machine.name)
    problem = problem_of(machine, rows, priors(machine, keys))
    fitted = fit(problem, starts=starts, progress=progress)
    left_out = leave_one_out(problem, progress=progress)
    known = uncertainty(with_fit(machine, fitted), rows, keys, chi2=2 * fitted.cost)
    progress()
    return Calibration(machine, rows, fitted, tuple(left_out), known)


def progress_steps(machine: Machine, *, starts: int = STARTS) -> int:
    """Return how often :func:`calibrate` calls ``progress`` for a machine."""
    return starts + len(fit_rows(machine.name)) + 1


def describe_fit(calibration: Calibration) -> Iterator[str]:
    """Yield the lines of the report, at most 76 columns wide."""
    fitted, machine = calibration.fitted, calibration.machine
    rows = ", ".join(fitted.problem.data.names)
    yield f"{machine.title} ({machine.name})"
    yield from textwrap.wrap(
        f"fitted to {rows}", WIDTH, initial_indent="  ", subsequent_indent="    "
    )
    yield (
        f"  {len(fitted.problem.priors)} numbers, {len(calibration.rows)} rows: "
        f"{fitted.degrees_of_freedom} degrees of freedom; chi2 {2 * fitted.cost:.1f}; "
        f"{fitted.agreeing_starts} of {fitted.starts} starts agree"
    )
    yield ""
    yield f"  {'number':<28}{'prior':>8}{'from':>8}{'to':>8}{'fitted':>10}{'std. error':>12}"
    yield from _numbers(fitted)
    yield ""
    yield from _correlations(fitted)
    yield from _weak(fitted)
    yield from _bounds(fitted)
    yield ""
    yield f"  {'row':<14}{'misfit':>10}  left out: predicted within"
    for left in calibration.left_out:
        misfit = fitted.misfits[left.name]
        yield f"  {left.name:<14}{misfit:>+9.1f}s{left.error_pct:>+15.1f} % of the time"
    yield "  (s: deviations of the row, at least 1 % of the time)"


def _numbers(fitted: Fitted) -> Iterator[str]:
    errors = fitted.standard_errors
    for prior in fitted.problem.priors:
        yield (
            f"  {prior.key:<28}{prior.value:>8.4g}{prior.low:>8.4g}{prior.high:>8.4g}"
            f"{fitted.numbers[prior.key]:>10.4g}{errors[prior.key]:>12.2g}"
        )


def _correlations(fitted: Fitted) -> Iterator[str]:
    keys = [prior.key for prior in fitted.problem.priors]
    for i, key in enumerate(keys):
        for j in range(i):
            yield f"  correlation {fitted.correlation[i, j]:+.2f}: {keys[j]}, {key}"


def _weak(fitted: Fitted) -> Iterator[str]:
    for direction in fitted.directions:
        if direction.is_weak:
            terms = " ".join(
                f"{weight:+.2f} {key}"
                for key, weight in direction.weights.items()
                if abs(weight) >= 0.1
            )
            text = f"the data cannot tell (strength {direction.strength:.2f}): {terms}"
            yield from textwrap.wrap(
                text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )


def _bounds(fitted: Fitted) -> Iterator[str]:
    for key in fitted.on_bounds:
        yield f"  on its bound: {key}"


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
    problem: Problem, *, progress: Callable[[], object] = lambda: None
) -> list[WithoutRow]:
    """Return each datum as predicted by a fit without it; the priors stay.

    ``progress`` is called once for each datum.
    """
    found = []
    for position, name in enumerate(problem.data.names):
        data, keep = problem.data.without(name)
        part = replace(problem, data=data, model=_some(problem.model, keep))
        numbers = part.numbers(fit(part, starts=1).z)
        predicted = problem.model(numbers)[position]
        found.append(WithoutRow(name, float(problem.data.log[position]), float(predicted)))
        progress()
    return found


def _some(model: Callable[[Floats], Floats], keep: Any) -> Callable[[Floats], Floats]:
    return lambda numbers: model(numbers)[keep]
