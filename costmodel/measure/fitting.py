"""Fit the few numbers that no small loop can measure to page-table operations that were measured on
the same machine."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from costmodel.arrays import Floats
from costmodel.calibration.fit import STARTS, Fitted, fit
from costmodel.calibration.problem import Data, Problem
from costmodel.config.errors import ConfigError
from costmodel.config.fit import Uncertainty
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, seconds_around
from costmodel.measure.operations import Measured
from costmodel.measure.prediction import NOTHING_NAMED, RunningKernel, cells_of
from costmodel.uncertainty.priors import Prior, priors, with_numbers
from costmodel.units import WIDTH

OFF_CORE = ("kernel.table_alloc_ns", "kernel.table_free_ns", "tlbi.asid_flush_ns")
"""Those of ``KEYS`` that the core never meets: they lie around the page tables."""
KEYS = (*OFF_CORE, "tlbi.issue_ns", "tlbi.broadcast_ns", "atomics.far_ns")
"""Numbers that user space cannot measure one by one, and that these operations depend on."""
LEAST_SIGMA = 0.05
"""The least relative standard deviation of a measured time: a machine that also runs other things
cannot be measured more exactly."""
UNEXPLAINED = 2.0
"""How many standard deviations a row must be off, for the report to call it unexplained."""


@dataclass(frozen=True)
class MeasuredFit:
    """The fitted numbers, and how far each operation is from its measurement before and after."""

    machine: Machine
    """The machine before the fit."""
    fitted: Fitted
    uncertainty: Uncertainty
    before: Floats
    """Logarithm of predicted over measured, per row of the fit."""

    @property
    def after(self) -> Floats:
        """The same with the fitted numbers."""
        data = self.fitted.problem.data
        return np.array([self.fitted.misfits[name] for name in data.names]) * data.log_sigma


def calibrate_to(
    machine: Machine,
    measured: Sequence[Measured],
    kernel: RunningKernel,
    named: Mapping[str, str] = NOTHING_NAMED,
    *,
    starts: int = STARTS,
    progress: Callable[[], object] = lambda: None,
) -> MeasuredFit:
    """Fit those numbers of ``KEYS`` that ``machine`` has and that were not measured.

    ``measured``: the operations that it is fitted to, measured on a machine that runs ``kernel``.
    ``named``: strategies to predict them with, by operation; otherwise the strategy that stands for
    the kernel. The fit is started ``starts`` times from different values, and ``progress`` is
    called after each. Raises ConfigError where nothing can be fitted.
    """
    asked = [
        (one, cell)
        for one, cell in zip(measured, cells_of(measured, machine, kernel, named), strict=True)
        if cell is not None
    ]
    free = tuple(p for p in priors(machine, KEYS) if machine.parameters[p.key].kind != "measured")
    if not asked or not free:
        reason = "holds no operation of the model" if free else "leaves no number to fit"
        raise ConfigError.of("--measured", reason)
    problem = _problem(machine, asked, free)
    before = problem.model(np.array([p.value for p in free])) - problem.data.log
    fitted = fit(problem, starts=starts, progress=progress)
    return MeasuredFit(machine, fitted, _uncertainty(fitted), before)


def _problem(
    machine: Machine, asked: Sequence[tuple[Measured, Cell]], free: tuple[Prior, ...]
) -> Problem:
    without = machine.without_fixed_part()

    @lru_cache(maxsize=2 * len(free) + 1)  # the last Jacobian's
    def priced(core: tuple[float, ...]) -> list[Callable[[Machine], float]]:
        """Price what the core executes where its own numbers among ``free`` are these."""
        numbers = dict(zip((p for p in free if p.key not in OFF_CORE), core, strict=True))
        changed = with_numbers(without, numbers)
        return [seconds_around(replace(cell, machine=changed)) for _, cell in asked]

    def model(numbers: Floats) -> Floats:
        by_prior = dict(zip(free, numbers.tolist(), strict=True))
        changed = with_numbers(without, by_prior)
        core = tuple(number for prior, number in by_prior.items() if prior.key not in OFF_CORE)
        return np.log([seconds(changed) for seconds in priced(core)])

    data = Data(
        names=tuple(f"{one.operation} order {one.order}" for one, _ in asked),
        log=np.log([one.least_ns / 1e9 for one, _ in asked]),
        log_sigma=np.array([_log_sigma(one) for one, _ in asked]),
    )
    return Problem(model, data, free)


def _log_sigma(one: Measured) -> float:
    return max(LEAST_SIGMA, math.log(one.median_ns / one.least_ns) / 2)


def _uncertainty(fitted: Fitted) -> Uncertainty:
    """Return how well the fitted numbers are known.

    Where the model misses the measured operations by more than their standard deviations, the
    deviations of the fitted numbers are multiplied by the same factor (the Birge ratio). They never
    become larger than those of the sources alone.
    """
    mistrust = math.sqrt(max(1.0, 2 * fitted.cost / len(fitted.problem.data.names)))
    own = fitted.problem.priors
    errors = [min(p.sigma, mistrust * fitted.standard_errors[p.key]) for p in own]
    correlation = fitted.correlation
    rows = [[round(float(correlation[i, j]), 2) + 0.0 for j in range(i)] for i in range(len(own))]
    return Uncertainty(
        keys=[prior.key for prior in own],
        stdev=[float(f"{each:.3g}") for each in errors],
        correlation=rows,
    )


def describe_measured(found: MeasuredFit) -> Iterator[str]:
    """Yield the report, at most 76 columns wide: numbers, rows, and what is not explained."""
    fitted, data = found.fitted, found.fitted.problem.data
    yield f"{found.machine.title} ({found.machine.name}), fitted to its own operations"
    yield ""
    yield f"  {'number':<28}{'prior':>8}{'from':>8}{'to':>8}{'fitted':>10}{'std. error':>12}"
    errors = fitted.standard_errors
    for prior in fitted.problem.priors:
        yield (
            f"  {prior.key:<28}{prior.value:>8.4g}{prior.low:>8.4g}{prior.high:>8.4g}"
            f"{fitted.numbers[prior.key]:>10.4g}{errors[prior.key]:>12.2g}"
        )
    yield ""
    yield f"  {'predicted over measured':<34}{'before':>10}{'after':>10}"
    for name, before, after in zip(data.names, found.before, found.after, strict=True):
        far = abs(after) > UNEXPLAINED * data.log_sigma[data.names.index(name)]
        mark = " *" if far else ""
        yield f"  {name:<34}{math.exp(before):>10.2f}{math.exp(after):>10.2f}{mark}"
    yield ""
    text = _unexplained(found)
    yield from textwrap.wrap(text, WIDTH, break_on_hyphens=False)
    for key in fitted.on_bounds:
        yield f"  on its bound: {key}"


def _unexplained(found: MeasuredFit) -> str:
    sigma = found.fitted.problem.data.log_sigma
    after = found.after
    missed = int(np.sum(np.abs(after) > UNEXPLAINED * sigma))
    if not missed:
        return "The fitted numbers explain every operation."
    share = math.exp(float(np.mean(np.abs(after))))
    return (
        f"Not explained: {missed} of {len(after)} operations (*), on average a factor of "
        f"{share:.2f}. No number that may be fitted makes up for it within its bounds: "
        "what is missing is a mechanism, or this kernel is built in another way than the recorded "
        "one."
    )
