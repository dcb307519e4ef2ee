"""Finds the uncertain numbers of a machine that decide a prediction, and how much each matters.

Each number alone is moved to both ends of its range (a tornado). Then the variance of the answer
over machines drawn from all ranges together is divided among the numbers (Sobol indices). Numbers
that a fit left correlated are first made independent by the symmetric root of their correlation,
which keeps each as close to itself as possible (Kessy, Lewin and Strimmer, "Optimal whitening and
decorrelation", The American Statistician 72, 2018). A choice that is only inferred counts as a
number, 0 or 1: the machines drawn have the other one as often as intervals have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel.arrays import Floats
from costmodel.code.trace import ptes_of
from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds_on, executed, matched
from costmodel.parallel import in_processes
from costmodel.uncertainty.choices import DOUBT, as_number, doubtful_choices, other_value
from costmodel.uncertainty.priors import Prior, value_of
from costmodel.uncertainty.spread import independent_priors, joint_spread

POINTS = 256
"""Sample size of the Sobol indices, a power of two: with n numbers, POINTS x (n + 2) machines are
priced."""
MOST_NUMBERS = 12
"""How many numbers get Sobol indices: those that move the answer most by themselves."""
LEAST_MOVE_PCT = 0.01
"""A number that moves the time by less, in percent, gets none."""
_SEED = 20231218


@dataclass(frozen=True)
class Influence:
    """The influence of one number on the answer.

    ``value``, ``low`` and ``high`` are in the unit of the number (``key``); of a choice they are 0
    for false and 1 for true, of a replacement policy 1 for ``adaptive``. ``at_low`` and ``at_high``
    are the answers with this number at ``low`` and ``high`` and all others unchanged.
    ``first_order`` is the share of the variance that would vanish if the number were known,
    ``total_order`` the share that would remain if all others were known. These two are None for a
    number whose influence is too small.
    """

    key: str
    value: float
    low: float
    high: float
    at_low: float
    at_high: float
    first_order: float | None = None
    total_order: float | None = None

    @property
    def swing(self) -> float:
        """The distance between the answers at both ends."""
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True)
class Sensitivity:
    """How an answer depends on the uncertain numbers of a machine.

    ``answer``, ``low`` and ``high`` are changes against ``baseline`` in percent, or ns per PTE
    without a baseline (see ``unit``). ``low`` and ``high`` bound the answers on 90 % of the
    ``machines`` drawn. ``influences`` lists the numbers, the most important first.
    """

    cell: Cell
    baseline: Cell | None
    answer: float
    low: float
    high: float
    machines: int
    influences: tuple[Influence, ...]

    @property
    def unit(self) -> str:
        """The unit of the answers: ``%``, or ``ns`` (per PTE) where there is no baseline."""
        return "%" if self.baseline is not None else "ns"


def sensitivity_of(cell: Cell, baseline: Cell | None = None, *, jobs: int = 1) -> Sensitivity:
    """Return which numbers of the machine decide a time, or a change against a baseline.

    Without ``baseline`` it is the time of ``cell``; two cells are compared in one build, as tables
    show them. ``jobs`` processes share the work. Raises ConfigError where no number of the machine
    is uncertain.
    """
    if baseline is not None:
        match = matched(cell, baseline)
        cell, baseline = match.new, match.base
    machine = cell.machine
    answers = _Answers(cell, baseline, jobs)
    chosen_from = [
        *uncertain_numbers(machine, many_cpus=cell.workload.many_cpus),
        *(_choice(machine, key) for key in doubtful_choices(machine)),
    ]
    if not chosen_from:
        raise ConfigError.of("MACHINE", "has no number that is not known exactly", got=machine.name)
    ends = answers([m for prior in chosen_from for m in both_ends(machine, prior)])
    here = float(answers([machine])[0])
    alone = [
        _alone(machine, prior, ends[2 * at : 2 * at + 2]) for at, prior in enumerate(chosen_from)
    ]
    ranked = sorted(zip(chosen_from, alone, strict=True), key=lambda pair: -pair[1].swing)
    chosen = [prior for prior, one in ranked if one.swing > _least(here, baseline)][:MOST_NUMBERS]
    shares, drawn = _sobol(machine, chosen, answers) if chosen else ({}, np.array([here]))
    influences = [
        replace(one, first_order=shares[one.key][0], total_order=shares[one.key][1])
        if one.key in shares
        else one
        for _, one in ranked
    ]
    influences.sort(key=lambda one: (-(one.total_order or 0.0), -one.swing, one.key))
    low, high = np.quantile(drawn, (0.05, 0.95))
    return Sensitivity(cell, baseline, here, float(low), float(high), len(drawn), tuple(influences))


@dataclass(frozen=True)
class _Answers:
    """Computes answers on machines: changes in percent, or ns per PTE without a baseline."""

    cell: Cell
    baseline: Cell | None
    jobs: int

    def __call__(self, machines: Sequence[Machine]) -> Floats:
        """Return the answer on each machine, float64[n]."""
        step = max(1, -(-len(machines) // self.jobs))
        tasks = [
            (cell, machines[at : at + step])
            for cell in (self.cell, self.baseline)
            if cell is not None
            for at in range(0, len(machines), step)
        ]
        seconds = np.concatenate(in_processes(seconds_on, tasks, jobs=self.jobs))
        if self.baseline is None:
            return np.asarray(seconds * 1e9 / ptes_of(executed(self.cell)))
        own, others = np.split(seconds, 2)
        return np.asarray(100 * (own / others - 1))


def seconds_on(task: tuple[Cell, Sequence[Machine]]) -> Floats:
    """Return the times in seconds of a cell on other machines, float64[machines].

    ``task`` is the cell and the machines.
    """
    cell, machines = task
    return np.array(exact_seconds_on(cell, machines))


@dataclass(frozen=True)
class _Choice(Prior):
    """A choice as a number, see :func:`costmodel.uncertainty.choices.as_number`."""

    values: tuple[bool | str, bool | str]
    """What 0 and 1 stand for."""

    def typed(self, number: float) -> Any:
        """Return the choice that a number stands for."""
        return self.values[number > 0.5]


def _choice(machine: Machine, key: str) -> _Choice:
    own = machine.parameters[key].value
    zero, one = sorted((own, other_value(key, own)), key=as_number)
    return _Choice(
        key, as_number(own), low=0.0, high=1.0, sigma=1.0, step=1.0, whole=True, values=(zero, one)
    )


def uncertain_numbers(machine: Machine, *, many_cpus: bool = False) -> list[Prior]:
    """Return the priors of all uncertain numbers; a fitted one has the bounds of its fit.

    With ``many_cpus`` the prices that only several CPUs at work feel are among them.
    """
    return [*joint_spread(machine).priors, *independent_priors(machine, many_cpus=many_cpus)]


def _least(answer: float, baseline: Cell | None) -> float:
    return LEAST_MOVE_PCT if baseline is not None else LEAST_MOVE_PCT / 100 * answer


def both_ends(machine: Machine, prior: Prior) -> tuple[Machine, Machine]:
    """Return the machine twice: with a number at the low and at the high end of its range."""
    low, high = (_with(machine, {prior: end}) for end in (prior.low, prior.high))
    return low, high


def _with(machine: Machine, numbers: dict[Prior, float]) -> Machine:
    """Return the machine with numbers changed; a change that contradicts others is left out."""
    for prior, number in numbers.items():
        try:
            machine = machine.with_values({prior.key: prior.typed(number)})
        except ConfigError:
            continue
    return machine


def _alone(machine: Machine, prior: Prior, ends: Floats) -> Influence:
    at_low, at_high = (float(end) for end in ends)
    return Influence(prior.key, value_of(machine, prior), prior.low, prior.high, at_low, at_high)


def _sobol(
    machine: Machine, chosen: Sequence[Prior], answers: _Answers
) -> tuple[dict[str, tuple[float, float]], Floats]:
    """Return the Sobol indices (first, total) by key, and the answers on the machines drawn."""
    from scipy.stats import norm, sobol_indices

    middle = np.array([value_of(machine, prior) for prior in chosen])
    sigma = np.array([prior.sigma for prior in chosen])
    choices = [at for at, prior in enumerate(chosen) if isinstance(prior, _Choice)]
    root = _root(machine, chosen)
    drawn: list[Floats] = []

    def answers_at(points: Floats) -> Floats:
        """Return the answers, float64[1, n], at standard normal points, float64[numbers, n]."""
        moves = root @ points[: len(chosen)]
        numbers = middle[:, None] + sigma[:, None] * moves
        other = moves < norm.ppf(DOUBT)
        numbers[choices] = np.abs(middle[choices, None] - other[choices])
        inside = (map(Prior.within, chosen, column.tolist()) for column in numbers.T)
        found = answers([_with(machine, dict(zip(chosen, each, strict=True))) for each in inside])
        drawn.append(found)
        return found[None, :].copy()  # scipy centres it in place

    normal: Any = [norm()] * max(len(chosen), 2)  # scipy asks for two: then one decides nothing
    rng = np.random.default_rng(_SEED)
    indices = sobol_indices(func=answers_at, n=POINTS, dists=normal, rng=rng)
    first, total = np.ravel(indices.first_order), np.ravel(indices.total_order)
    shares = {
        prior.key: (float(np.clip(a, 0, 1)), float(np.clip(b, 0, 1)))
        for prior, a, b in zip(chosen, first, total, strict=False)
    }
    return shares, np.concatenate(drawn)


def _root(machine: Machine, chosen: Sequence[Prior]) -> Floats:
    """Return the symmetric root of the covariance, float64[n, n], in prior standard deviations."""
    known = joint_spread(machine)
    covariance = np.eye(len(chosen))
    fitted = [prior.key for prior in known.priors]
    at = [i for i, prior in enumerate(chosen) if prior.key in fitted]
    inside = [fitted.index(chosen[i].key) for i in at]
    covariance[np.ix_(at, at)] = known.covariance[np.ix_(inside, inside)]
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T)
