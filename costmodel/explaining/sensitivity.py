"""Which unknown number of a machine decides a prediction, and what measuring it would be worth.

Each number alone goes to both ends of its range (a tornado), and the variance of the answer over
machines drawn from all ranges together is shared out among the numbers (Sobol indices). Numbers
that a fit left correlated are first made independent by the symmetric root of their correlation,
which keeps each as near to itself as can be (Kessy, Lewin and Strimmer, "Optimal whitening and
decorrelation", The American Statistician 72, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds
from costmodel.parallel import in_processes
from costmodel.uncertainty.priors import Prior, priors, value_of
from costmodel.uncertainty.spread import spread_of

Floats = NDArray[np.float64]
POINTS = 256
"""Machines drawn per number and twice more: a power of two."""
MOST_NUMBERS = 12
"""Numbers that share the variance: those that move the answer most by themselves."""
LEAST_MOVE_PCT = 0.01
"""A number that moves the time by less does not count."""
_SEED = 20231218


@dataclass(frozen=True)
class Influence:
    """What one number does to the answer.

    ``at_low`` and ``at_high`` are the answer with this number at ``low`` and ``high`` and all
    others as they are. ``first_order`` is the share of the variance that knowing the number would
    take away, ``total_order`` what is left of it when all others are known; None where it was too
    small to be looked at.
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
        """How far apart the answers at both ends are."""
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True)
class Sensitivity:
    """Numbers by influence, the largest first.

    ``answer`` and the rest are the change in percent, or ns per PTE where there is no baseline.
    ``low`` and ``high`` bound 90 % of the machines drawn. ``machines`` is how many there were.
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
        """The unit of the answers."""
        return "%" if self.baseline is not None else "ns"


def sensitivity_of(cell: Cell, baseline: Cell | None = None, *, jobs: int = 1) -> Sensitivity:
    """Return which numbers of the machine decide a time, or a change against a baseline.

    ``jobs`` processes share the work. Raises ConfigError where no number is uncertain.
    """
    machine = cell.machine
    answers = _Answers(cell, baseline, jobs)
    chosen_from = candidates(machine, many_cpus=cell.workload.many_cpus)
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
    """Changes in percent, or ns per PTE, on machines."""

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
            return np.asarray(seconds * 1e9 / self.cell.workload.pages)
        own, others = np.split(seconds, 2)
        return np.asarray(100 * (own / others - 1))


def seconds_on(task: tuple[Cell, Sequence[Machine]]) -> Floats:
    """Return the times of a cell on machines in its machine's place, float64[machines]."""
    cell, machines = task
    return np.array([exact_seconds(replace(cell, machine=machine)) for machine in machines])


def candidates(machine: Machine, *, many_cpus: bool = False) -> list[Prior]:
    """Return the numbers of a fit with its bounds, and all others that have an interval.

    ``many_cpus``: with what only several CPUs at work feel.
    """
    found = {prior.key: prior for prior in priors(machine)}
    known = spread_of(machine, many_cpus=many_cpus).priors
    return list((found | {prior.key: prior for prior in known}).values())


def _least(answer: float, baseline: Cell | None) -> float:
    return LEAST_MOVE_PCT if baseline is not None else LEAST_MOVE_PCT / 100 * answer


def both_ends(machine: Machine, prior: Prior) -> tuple[Machine, Machine]:
    """Return the machine with a number at both ends of its range."""
    low, high = (_with(machine, {prior: end}) for end in (prior.low, prior.high))
    return low, high


def _with(machine: Machine, numbers: dict[Prior, float]) -> Machine:
    """Return the machine with numbers changed; one that contradicts others stays as it was."""
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
    """Return first and total order by key, and the answers on the machines drawn."""
    from scipy.stats import norm, sobol_indices

    middle = np.array([value_of(machine, prior) for prior in chosen])
    sigma = np.array([prior.sigma for prior in chosen])
    root = _root(machine, chosen)
    drawn: list[Floats] = []

    def answers_at(points: Floats) -> Floats:
        """Return the answers, float64[1, n], at standard normal points, float64[numbers, n]."""
        numbers = middle[:, None] + sigma[:, None] * (root @ points)
        inside = (map(Prior.within, chosen, column.tolist()) for column in numbers.T)
        found = answers([_with(machine, dict(zip(chosen, each, strict=True))) for each in inside])
        drawn.append(found)
        return found[None, :].copy()  # scipy centres it in place

    normal: Any = [norm()] * len(chosen)
    rng = np.random.default_rng(_SEED)
    indices = sobol_indices(func=answers_at, n=POINTS, dists=normal, rng=rng)
    first, total = np.ravel(indices.first_order), np.ravel(indices.total_order)
    shares = {
        prior.key: (float(np.clip(a, 0, 1)), float(np.clip(b, 0, 1)))
        for prior, a, b in zip(chosen, first, total, strict=True)
    }
    return shares, np.concatenate(drawn)


def _root(machine: Machine, chosen: Sequence[Prior]) -> Floats:
    """Return the symmetric root of the covariance, in prior deviations."""
    known = spread_of(machine)
    covariance = np.eye(len(chosen))
    fitted = [prior.key for prior in known.priors]
    at = [i for i, prior in enumerate(chosen) if prior.key in fitted]
    inside = [fitted.index(chosen[i].key) for i in at]
    covariance[np.ix_(at, at)] = known.covariance[np.ix_(inside, inside)]
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T)
