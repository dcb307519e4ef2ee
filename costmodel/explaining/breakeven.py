"""Finds the value of a number of machine or workload at which two strategies cost the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds, exact_seconds_of, exact_seconds_on, matched
from costmodel.explaining.axes import SHARE_KEYS, Axis, Pair
from costmodel.uncertainty.sampling import change_interval, log_samples, shares_by_number

_NAMED: Final = 3
_SMALL: Final = 1e-9


@dataclass(frozen=True)
class Doubt:
    """By which share the ratio of two times may be wrong, with 90 % confidence.

    ``dominant`` names the machine numbers that it is mostly due to. Differences between builds are
    not part of it.
    """

    half_width: float
    dominant: tuple[str, ...]


def doubt_at(pair: tuple[Cell, Cell]) -> Doubt:
    """Return the uncertainty of the ratio of the times of two cells of one machine."""
    machine, many_cpus = pair[0].machine, pair[0].workload.many_cpus
    own, base = (_samples(cell, machine) for cell in pair)
    half = max(map(abs, change_interval(0.0, own, base))) / 100
    ratios = [new - other for new, other in zip(own, base, strict=True)]
    shares = shares_by_number(machine, ratios, many_cpus=many_cpus)
    order = sorted(shares, key=lambda key: -shares[key])[:_NAMED]
    return Doubt(half, tuple(key for key in order if shares[key] > _SMALL))


def _samples(cell: Cell, machine: Machine) -> tuple[float, ...]:
    own = exact_seconds(replace(cell, machine=machine))
    times = partial(exact_seconds_on, cell)
    return log_samples(machine, own, times, many_cpus=cell.workload.many_cpus)


TOLERANCE: Final = 1e-4
"""Relative accuracy of a crossing; the steps of the model itself are about as wide."""
SHARE_TOLERANCE: Final = 1 / 512
"""Accuracy of a crossing in a share of memory: one PTE of a page table."""
NO_EFFECT: Final = 1e-9
"""Change of the ratio of times below which a number has no influence."""
SAME: Final = 5e-4
"""Two times that differ by a smaller share count as equal, so that neither strategy wins."""

Excess = Callable[[float], float | None]
"""A function that returns the relative extra cost of the strategy at a value; None where the value
is impossible."""


@dataclass(frozen=True)
class BreakevenPoint:
    """The extra cost of the strategy at value ``x``, as a share of its baseline's time."""

    x: float
    excess: float


@dataclass(frozen=True)
class Crossing:
    """A value at which the winner changes.

    For whole numbers ``x`` is the first value on the far side. ``wins_above``: the strategy wins
    above ``x``. Between ``low`` and ``high`` the winner is uncertain, given how well the machine's
    other numbers are known; None means up to the bound of the axis.
    """

    x: float
    wins_above: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class BreakEven:
    """The answer: the crossing nearest to the present value, and the points that were priced.

    ``points`` are in ascending order, ``others`` are further crossings. ``dominant`` names the
    machine numbers that move the crossing most, the most important first.
    """

    axis: Axis
    points: tuple[BreakevenPoint, ...]
    crossing: Crossing | None
    others: tuple[Crossing, ...] = ()
    dominant: tuple[str, ...] = ()

    @property
    def is_tie(self) -> bool:
        """Whether the two cost the same at all points."""
        return all(abs(point.excess) < SAME for point in self.points)

    @property
    def has_effect(self) -> bool:
        """Whether the number changes the comparison at all."""
        values = [point.excess for point in self.points]
        return max(values) - min(values) > NO_EFFECT


def break_even(pair: Pair, axis: Axis) -> BreakEven:
    """Return where along ``axis`` a strategy (first of ``pair``) costs as much as its baseline.

    Values that other numbers of the machine forbid are left out. Raises ConfigError where none is
    left.
    """
    excess = _excess(pair, axis)
    points = [BreakevenPoint(x, e) for x in axis.grid if (e := excess(x)) is not None]
    if not points:
        raise ConfigError.of("--over", "no value is possible here", key=axis.key)
    decided = [point for point in points if abs(point.excess) >= SAME]
    found = [
        _crossing(axis, excess, one, other)
        for one, other in pairwise(decided)
        if (one.excess > 0) != (other.excess > 0)
    ]
    points = sorted(
        {*points, *(BreakevenPoint(c.x, excess(c.x) or 0.0) for c in found)}, key=lambda p: p.x
    )
    if not found:
        return BreakEven(axis, tuple(points), None)
    found.sort(key=lambda crossing: _distance(axis, crossing.x))
    nearest = _with_interval(pair, axis, found[0], points)
    dominant = doubt_at(axis.apply(pair, nearest.x)).dominant
    return BreakEven(axis, tuple(points), nearest, tuple(found[1:]), dominant)


def in_one_build(pair: Pair, axes: Sequence[Axis]) -> Pair:
    """Return the pair in one build that both were recorded of, at all values of the axes.

    Of several it is the one that tables show, with the median change at the present value.
    """
    places = [applied(pair, axis, x) for axis in axes for x in axis.grid]
    match = matched(*pair, also=[place for place in places if place])
    return match.new, match.base


def applied(pair: Pair, axis: Axis, x: float) -> Pair | None:
    """Return a pair with the axis at ``x``; None where other numbers forbid the value."""
    try:
        return axis.apply(pair, x)
    except ConfigError:
        return None


def _excess(pair: Pair, axis: Axis) -> Excess:
    @cache
    def excess(x: float) -> float | None:
        at = applied(pair, axis, x)
        return None if at is None else excess_of(at)

    return excess


def excess_of(pair: Pair) -> float:
    """Return by which share the first cell takes longer than the second, without noise."""
    new, base = exact_seconds_of(pair)
    return new / base - 1


def _crossing(axis: Axis, excess: Excess, one: BreakevenPoint, other: BreakevenPoint) -> Crossing:
    """Return the crossing between two points at which different strategies win."""

    def value(x: float) -> float:
        return excess(float(x)) or 0.0

    find = _first_after if axis.is_integer else _root
    return Crossing(find(axis, value, one, other), wins_above=other.excess <= 0)


def _root(
    axis: Axis, value: Callable[[float], float], one: BreakevenPoint, other: BreakevenPoint
) -> float:
    """Return where the sign changes; scipy is imported here, as whole numbers do not need it."""
    from scipy.optimize import brentq

    # A share makes steps: whole folios fill whole page tables.
    steps = axis.key in SHARE_KEYS
    nearness = SHARE_TOLERANCE if steps else TOLERANCE * (one.x or other.x)
    return float(brentq(value, one.x, other.x, xtol=nearness, rtol=TOLERANCE))


def _first_after(
    axis: Axis, value: Callable[[float], float], one: BreakevenPoint, other: BreakevenPoint
) -> float:
    """Return the first whole number on the other side, by bisection."""
    low, high = round(one.x / axis.step), round(other.x / axis.step)
    while (middle := axis.between(low, high)) is not None:
        if (value(float(middle * axis.step)) > 0) == (one.excess > 0):
            low = middle
        else:
            high = middle
    return float(high * axis.step)


def _distance(axis: Axis, x: float) -> float:
    """Return how far a value is from the present one, as a logarithm where both are positive."""
    if axis.now is None:
        return x
    if axis.now > 0 and x > 0:
        return abs(math.log(x / axis.now))
    return abs(x - axis.now)


def _with_interval(
    pair: Pair, axis: Axis, crossing: Crossing, points: Sequence[BreakevenPoint]
) -> Crossing:
    """Return the crossing with the values between which the winner is uncertain."""
    down = [point for point in reversed(points) if point.x <= crossing.x]
    up = [point for point in points if point.x >= crossing.x]
    low, high = _edge(pair, axis, down), _edge(pair, axis, up)
    return replace(crossing, low=low, high=high)


def _edge(pair: Pair, axis: Axis, points: Sequence[BreakevenPoint]) -> float | None:
    """Walk away from the crossing to where the winner is certain; interpolate between points."""
    near = 0.0
    for here, there in pairwise(points):
        limit = doubt_at(axis.apply(pair, there.x)).half_width
        far = abs(there.excess) / limit if limit else math.inf
        if far >= 1:
            share = (1 - near) / (far - near) if math.isfinite(far) else 0.0
            x = here.x + max(0.0, min(1.0, share)) * (there.x - here.x)
            return axis.whole(x) if axis.is_integer else x
        near = far
    return None
