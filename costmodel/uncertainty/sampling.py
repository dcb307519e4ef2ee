"""Computes 90 % intervals by sampling: prices machines drawn from what is not known about one.

Every number that has a range is drawn: those of a fit correlated as it found them, all others each
on its own. So are sizes of queues and ``SHAPING``, in a fit or not. Sizes of queues are drawn
within their range, and ``SIZE_SHARE`` of their value at least, and choices
that only reasoning supports take the other value on a share ``DOUBT`` of the machines
(:mod:`costmodel.uncertainty.choices`). A cliff inside the ranges, such as a loop that just fits
into the reorder buffer, then shows as a wide interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costmodel.config.machine import SET_BY_USER, Machine
from costmodel.disk_cache import ByIdentity
from costmodel.uncertainty.choices import (
    DOUBT,
    SHAPING_CHOICES,
    as_number,
    doubtful_choices,
    other_value,
)
from costmodel.uncertainty.priors import Prior, priors, value_of
from costmodel.uncertainty.spread import Z90, Interval, Times, independent_priors, joint_spread

SAMPLES = 16
"""How many machines are drawn."""
SIZES = ("core.rob_entries", "core.load_queue_entries", "core.store_queue_entries")
"""Sizes of queues, counted in micro-ops of the model. Real cores count their own, so a size is
known only to within a share ``SIZE_SHARE``."""
SIZE_SHARE = 0.08
CLIFF = 4.0
"""A time has a cliff if its largest deviation is more than so many times the median deviation and
more than ``CLIFF_PCT`` percent."""
CLIFF_PCT = 5.0
_SEED = 20231218
_AT_ENDS = 6
"""On how many machines a whole number is at an end of its range, low on half of them. The variance
is then that of a normal distribution with this 90 % interval, and a limit of one or two is drawn as
both."""
_END = -NormalDist().inv_cdf(_AT_ENDS / 2 / SAMPLES)
SHAPING = (
    "caches.prefetch.depth_lines",
    "caches.prefetch.trains_after_lines",
    "core.small_loop_entries",
    "core.branch_targets",
    "core.branch_history_length",
    "kernel.host_page_bytes",
    "kernel.linear_map_bytes",
    "topology.sockets",
)
"""Whole numbers that shape a program for the core model, or lay out the CPUs: each combination of
values needs one of its own. They are at their ends on the same machines, in a fit or not."""
_HALVES = dict(
    zip(
        (*SHAPING, *SHAPING_CHOICES),
        itertools.combinations(range(_AT_ENDS), _AT_ENDS // 2),
        strict=False,
    )
)
"""On which of these each is low, or a choice has its other value. All differ, and none is the
opposite of another but near and far atomics, and the two that fuse."""
_ORDERED = (
    ("topology.line_ns", "topology.far_line_ns"),
    ("shootdown.delivery_ns", "shootdown.far_delivery_ns"),
    ("shootdown.tlbsync_ns", "shootdown.far_tlbsync_ns"),
)
"""The second is not below the first: another socket is not nearer than the own one."""


def log_samples(
    machine: Machine, seconds: float, times: Times, *, many_cpus: bool = False
) -> tuple[float, ...]:
    """Return the natural logarithm of the time on each drawn machine over that on the machine.

    ``seconds`` is the time on ``machine`` itself; ``times`` returns those on other machines. The
    machines drawn are the same for all times, so logarithms of two results can be subtracted one by
    one. With ``many_cpus`` the prices that only several CPUs at work feel are drawn, too.
    """
    drawn = drawn_machines(machine, many_cpus=many_cpus)
    return tuple(math.log(each / seconds) for each in times(drawn))


def drawn_machines(machine: Machine, *, many_cpus: bool = False) -> tuple[Machine, ...]:
    """Return the machines that are drawn for a machine: the same ones each time.

    With ``many_cpus`` the prices that only several CPUs at work feel are drawn, too.
    """
    return _drawn(ByIdentity(machine), many_cpus)


def machines_if_known(
    machine: Machine, key: str, *, many_cpus: bool = False
) -> tuple[Machine, ...]:
    """Return the drawn machines as they would be if a number were known to have its own value.

    ``key`` is the number's. Numbers that a fit left correlated with it are drawn as they would be
    then; all others are those of :func:`drawn_machines`.
    """
    return _machines(machine, _columns(machine, many_cpus=many_cpus, known=key))


def seconds_interval(
    seconds: float, logs: Sequence[float], builds: Interval = (0.0, 0.0)
) -> Interval:
    """Return the 90 % interval of a time in seconds, or of a throughput per second.

    ``logs`` are those of :func:`log_samples`, or the same of throughputs. ``builds``: how far other
    builds may lie below and above, as differences of natural logarithms.
    """
    low, high = _ends(np.asarray(logs), builds)
    return seconds * math.exp(low), seconds * math.exp(high)


def of_throughput(builds: Interval, busy_share: float) -> Interval:
    """Return how far other builds may lie below and above in throughput, as logarithms.

    ``builds`` says it of the time of the operation, ``busy_share`` which part of a CPU's time the
    operation takes: the rest, between two operations, takes as long in every build.
    """
    slow, fast = (math.log1p(busy_share * math.expm1(log)) for log in reversed(builds))
    return -slow, -fast


def change_interval(
    change_pct: float,
    logs: Sequence[float],
    baseline: Sequence[float],
    builds: Interval = (0.0, 0.0),
) -> Interval:
    """Return the 90 % interval of a change in percent.

    ``logs`` and ``baseline`` are the :func:`log_samples` of both times. ``builds``: how far the
    ratio of the times may lie below and above in other builds, as differences of logarithms.
    """
    low, high = _ends(np.asarray(logs) - np.asarray(baseline), builds)
    ratio = 1 + change_pct / 100
    return 100 * (ratio * math.exp(low) - 1), 100 * (ratio * math.exp(high) - 1)


def has_cliff(logs: Sequence[float]) -> bool:
    """Tell whether a time jumps within the ranges: few of the machines deviate, but by much.

    ``logs`` are those of :func:`log_samples`, or differences of two of them.
    """
    moved = np.abs(np.asarray(logs))
    largest = float(moved.max(initial=0.0))
    return bool(100 * math.expm1(largest) > CLIFF_PCT and largest > CLIFF * float(np.median(moved)))


def shares_by_number(
    machine: Machine, log_ratios: Sequence[float], *, many_cpus: bool = False
) -> dict[str, float]:
    """Return which share of the variance of a change each number of a machine decides, by key.

    ``log_ratios`` float[SAMPLES] are the logarithms of the ratio of two times on the machines
    drawn (with or without ``many_cpus``). The share is the square of the correlation, less what
    chance gives a number that plays no part; of a number drawn at few values it is that of the
    means there. Values are correlated and not ranks: a choice that moves the answer by much on few
    machines decides it.
    Numbers that a fit left correlated share what they decide together.
    """
    if not np.var(log_ratios):
        return {}
    drawn = _drawn(ByIdentity(machine), many_cpus)
    answer = _centred(log_ratios)
    columns = {key: [as_number(m.parameters[key].value) for m in drawn] for key in drawn[0].changes}
    return {key: _share(column, answer) for key, column in columns.items() if len(set(column)) > 1}


def share_of_known(
    log_ratios: Sequence[float], if_known: Sequence[float], builds: Interval = (0.0, 0.0)
) -> float:
    """Return which share of the variance of a change one number decides.

    ``log_ratios`` and ``if_known`` are float[SAMPLES]: logarithms of the ratio of two times on the
    machines drawn, and on those of :func:`machines_if_known`. A number that plays no part changes
    none of them, so that chance gives it nothing.
    """
    of_number = float(np.var(np.subtract(log_ratios, if_known)))
    others = float(np.var(if_known)) + _variance(builds)
    return of_number / (of_number + others) if of_number else 0.0


def _variance(builds: Interval) -> float:
    """Return the variance of a range over builds, taken as a 90 % interval."""
    return (sum(map(abs, builds)) / 2 / Z90) ** 2


def _share(column: Sequence[float], answer: NDArray[np.float64]) -> float:
    """Return which share of a centred answer of length one a number explains, less that of chance.

    A number drawn at few values, three machines or more each, explains what the means there do (one
    end of a range may matter alone), any other what a straight line does.
    """
    groups = [answer[np.asarray(column) == value] for value in sorted(set(column))]
    explained, free = float(_centred(column) @ answer) ** 2, 1
    if min(map(len, groups)) >= _AT_ENDS // 2:  # the mean of one machine or two tells nothing
        explained, free = sum(float(g.sum()) ** 2 / len(g) for g in groups), len(groups) - 1
    chance = free / (SAMPLES - 1)
    return max(0.0, (explained - chance) / (1 - chance))


def _centred(values: Sequence[float]) -> NDArray[np.float64]:
    """Return values that are not all equal with a mean of zero and a length of one."""
    column = np.asarray(values, dtype=np.float64)
    centred = column - column.mean()
    return np.asarray(centred / np.linalg.norm(centred))


def _ends(logs: NDArray[np.float64], builds: Interval) -> Interval:
    """Return both ends of the interval, as logarithms relative to the prediction.

    Each side has a deviation of its own. What is not known about the machine is independent of the
    build, so the two deviations add as squares; the range over builds is taken as a 90 % interval.
    """
    below, above = logs[logs < 0], logs[logs > 0]
    low, high = (
        math.hypot(Z90 * math.sqrt(float(np.mean(side**2)) if len(side) else 0.0), build)
        for side, build in ((below, builds[0]), (above, builds[1]))
    )
    return -low, high


@lru_cache(maxsize=64)
def _drawn(key: ByIdentity[Machine], many_cpus: bool) -> tuple[Machine, ...]:
    """Return the machines drawn for a machine; they are the same in every process."""
    return _machines(key.value, _columns(key.value, many_cpus=many_cpus))


def _columns(
    machine: Machine, *, many_cpus: bool, known: str | None = None
) -> dict[str, list[Any]]:
    """Return what is drawn of each number, or if the number ``known`` had its own value."""
    independent = independent_priors(machine, many_cpus=many_cpus)
    ranges = {prior.key: (prior.low, prior.high) for prior in priors(machine)}
    columns: dict[str, list[Any]] = dict(_of_joint(machine, known))
    columns |= {prior.key: _of_prior(machine, prior, _normal(prior.key)) for prior in independent}
    for size in _of_this_run(machine, SIZES):
        columns[size] = _of_size(machine, size, ranges.get(size))
    for choice in doubtful_choices(machine):
        columns[choice] = _of_choice(choice, machine.parameters[choice].value)
    if known is not None:
        columns[known] = [machine.parameters[known].value] * SAMPLES
    return columns


def _machines(machine: Machine, columns: dict[str, list[Any]]) -> tuple[Machine, ...]:
    samples = ({key: column[at] for key, column in columns.items()} for at in range(SAMPLES))
    return tuple(
        machine.with_values(_consistent(numbers, machine), origin="sampling") for numbers in samples
    )


def _of_joint(machine: Machine, known: str | None) -> Iterator[tuple[str, list[Any]]]:
    """Yield what is drawn of each number that the fit found to depend on others.

    If one of them is known, the rest move by what a normal distribution expects of them then.
    """
    spread = joint_spread(machine)
    if not spread.priors:
        return
    normal = np.array([_normal(prior.key) for prior in spread.priors])
    # The root that is symmetric: there is one, while the signs of eigenvectors, and which of those
    # with equal values, are what a library on a CPU makes of it.
    values, vectors = np.linalg.eigh(spread.covariance)
    moves = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T @ normal
    for at, prior in enumerate(spread.priors):
        if prior.key == known:
            slopes = spread.covariance[:, at] / spread.covariance[at, at]
            moves -= np.outer(slopes, moves[at])
    for prior, of_prior in zip(spread.priors, moves.tolist(), strict=True):
        yield prior.key, _of_prior(machine, prior, of_prior)


def _of_prior(machine: Machine, prior: Prior, moves: Sequence[float]) -> list[Any]:
    """Return what is drawn of a number; ``moves`` are in its prior standard deviations."""
    middle = value_of(machine, prior)
    if not prior.whole:
        return [prior.within(middle + move * prior.sigma) for move in moves]
    if prior.key in SHAPING:
        low = _HALVES[prior.key]
        moves = [0.0 if at >= _AT_ENDS else -1.0 if at in low else 1.0 for at in range(SAMPLES)]
    return [
        prior.typed(prior.low if move < -_END else prior.high if move > _END else middle)
        for move in moves
    ]


def _of_size(machine: Machine, size: str, bounds: Interval | None) -> list[int]:
    """Return what is drawn of the size of a queue: uniformly on each side of its value."""
    middle = machine.parameters[size].value
    low, high = bounds or (middle, middle)
    low, high = min(low, middle * (1 - SIZE_SHARE)), max(high, middle * (1 + SIZE_SHARE))
    sides = (2 * point - 1 for point in _points(size))
    return [
        max(8, round(middle + side * (high - middle if side > 0 else middle - low)))
        for side in sides
    ]


def _of_choice(key: str, own: Any) -> list[Any]:
    """Return what is drawn of a choice; ``own`` is the value in the machine's file."""
    points = _points(key)
    doubted = _HALVES.get(key) or [at for at in range(SAMPLES) if points[at] < DOUBT]
    return [other_value(key, own) if at in doubted else own for at in range(SAMPLES)]


def _points(key: str) -> list[float]:
    """Return points of one number in the unit interval, one in each of SAMPLES equal parts.

    They depend on the key alone, so that no other number changes what is drawn of it. (Latin
    hypercube sampling, by hand: scipy.stats takes longer to load than a cell to price.)
    """
    rng = np.random.default_rng((_SEED, *key.encode()))
    points: list[float] = ((rng.permutation(SAMPLES) + rng.random(SAMPLES)) / SAMPLES).tolist()
    return points


def _normal(key: str) -> list[float]:
    """Return standard normal draws of one number, one in each of SAMPLES equally likely parts."""
    return [NormalDist().inv_cdf(point) for point in _points(key)]


def _of_this_run(machine: Machine, keys: Sequence[str]) -> Iterator[str]:
    """Yield those of ``keys`` that the machine has and the user did not set for this run."""
    for key in keys:
        if key in machine.parameters and machine.parameters[key].source != SET_BY_USER:
            yield key


def _consistent(numbers: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Return the numbers in an order that a machine file has to have.

    Queues are no larger than the reorder buffer, cache levels are in order, and what is far is not
    nearer than what is near. A drawn machine of which this is not true would be refused.
    """
    for near, far in _ORDERED:
        if far in numbers:
            at_least = numbers.get(near, machine.parameters[near].value)
            numbers[far] = max(numbers[far], at_least)
    rob = numbers.get("core.rob_entries", machine.core.rob_entries.value)
    for key in SIZES[1:]:
        if key in numbers:
            numbers[key] = min(numbers[key], rob)
    dram = numbers.get("caches.dram.latency_ns", machine.caches.dram.latency_ns.value)
    l2_cycles = numbers.get("caches.l2.latency_cycles", machine.caches.l2.latency_cycles.value)
    l2 = l2_cycles / numbers.get("core.clock_ghz", machine.core.clock_ghz.value)
    if "caches.llc.latency_ns" in numbers:
        llc = min(numbers["caches.llc.latency_ns"], 0.95 * dram)
        # On a busy machine the measured ranges of the two overlap.
        numbers["caches.llc.latency_ns"] = max(llc, 1.01 * l2)
    return numbers
