"""Where two strategies cost the same over two numbers: a line on a map, with a band around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Floats
from costmodel.config.errors import ConfigError
from costmodel.explaining.axes import Axis, Pair, check_apart
from costmodel.explaining.breakeven import SAME, doubt_at, excess_of
from costmodel.parallel import in_processes

Line = tuple[tuple[float, float], ...]
"""Points of a line, x and y of each."""
Place = tuple[int, int]
"""Row and column of a point of the map."""

POINTS: Final = 13
"""Values of each number on a map."""
_COARSE: Final = 9
"""Values over all that is possible, to find where the line runs."""
_FACTOR: Final = 4.0
"""Between them, from the present value on; of smaller ones there are fewer."""
_BELOW: Final = 2
_FINER: Final = 4
"""Pieces between two points of which a line is made."""
CERTAIN: Final = 3.0
"""Margin from which on it does not matter how sure the winner is."""


@dataclass(frozen=True)
class RowCrossing:
    """Along one row the winner changes at ``x``; between ``low`` and ``high`` it is uncertain.

    None: to the edge of the map. For whole numbers ``x`` is the first value on the far side.
    """

    x: float
    wins_above: bool
    low: float | None
    high: float | None


@dataclass(frozen=True)
class BreakevenMap:
    """Two strategies at every combination of the values of two numbers.

    The ``grid`` of ``x`` (columns) and of ``y`` (rows) are the values. ``excess`` float64[y, x] is
    the extra cost of the strategy against its baseline as a share, NaN where no such machine can
    be. ``half_width`` float64[y, x] is by how much that may be off (a share, 90 %), NaN where
    nobody looked: the winner is certain there.
    """

    x: Axis
    y: Axis
    excess: Floats
    half_width: Floats
    now: float | None
    """The extra cost as things are; None where a number has no present value."""

    @cached_property
    def margin(self) -> Floats:
        """How sure the loss is, float64[y, x]: from 1 on certainly lost, from -1 on won.

        0 where both cost the same.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            known = self.excess / self.half_width
        sure = np.where(np.isnan(self.half_width), CERTAIN * np.sign(self.excess), known)
        return np.asarray(np.where(self.ties, 0.0, np.clip(sure, -CERTAIN, CERTAIN)))

    @property
    def ties(self) -> NDArray[np.bool_]:
        """Where both cost the same, bool[y, x]."""
        return np.asarray(np.abs(self.excess) < SAME)

    @property
    def either(self) -> NDArray[np.bool_]:
        """Where either may win, bool[y, x]: also where a tie may be none."""
        settled = self.ties & ~(self.half_width >= SAME)
        return np.asarray((np.abs(self.margin) < 1) & ~settled)

    @property
    def same(self) -> int:
        """At how many points both cost the same."""
        return int(np.sum(self.ties))

    @property
    def counts(self) -> tuple[int, int, int]:
        """At how many points the strategy surely wins, the winner is uncertain, it surely loses.

        Points at which both cost the same are in none of them.
        """
        wins, loses = int(np.sum(self.margin <= -1)), int(np.sum(self.margin >= 1))
        return wins, int(np.sum(np.isfinite(self.margin))) - wins - loses - self.same, loses

    def contour(self, level: float = 0.0) -> tuple[Line, ...]:
        """Return where both cost the same, or where the margin has another level.

        Between two whole numbers there is no line; at one it reaches halfway to its neighbours.
        """
        from contourpy import contour_generator

        values = self.logs if level == 0 else self.margin
        if min(values.shape) < 2 or (level == 0 and not _crossed(self.excess)):
            return ()
        lines = contour_generator(*self.finer(values)).lines(level)
        return tuple(
            tuple((float(a), float(b)) for a, b in part)
            for line in lines
            for part in self._possible(np.asarray(line))
        )

    def _possible(self, line: Floats) -> Iterator[Floats]:
        """Yield the parts of a line that do not run between whole numbers."""
        keep = np.ones(len(line) - 1, np.bool_)
        for at, axis in enumerate((self.x, self.y)):
            if axis.is_integer:
                keep &= np.diff(line[:, at]) != 0
        ends = np.flatnonzero(np.diff(np.r_[False, keep, False]))
        for first, last in zip(ends[::2], ends[1::2], strict=True):
            yield line[first : last + 1]

    def finer(self, values: Floats) -> tuple[Floats, Floats, Any]:
        """Return where more points lie, x and y, and values at them, masked where there are none.

        They are straight between neighbours, as those of ``crossings`` are; steps along an axis
        of whole numbers.
        """
        rows, columns = values.shape
        (along, x), (up, y) = (_finer(axis) for axis in (self.x, self.y))
        across = np.array([np.interp(along, range(columns), row) for row in values])
        found = np.array([np.interp(up, range(rows), column) for column in across.T]).T
        return x, y, np.ma.masked_invalid(found)

    @property
    def logs(self) -> Floats:
        """Logarithms of the ratio of the times, float64[y, x]: nearly straight between points."""
        return np.asarray(np.log1p(self.excess))

    def crossings(self, row: int) -> tuple[RowCrossing, ...]:
        """Return where the winner changes along a row, from left to right."""
        return tuple(_crossings(self.x, self.logs[row], self.margin[row], self.ties[row]))


def break_even_map(
    pair: Pair, x: Axis, y: Axis, *, given: Sequence[str] = (), jobs: int = 1
) -> BreakevenMap:
    """Return the map of a strategy (first of ``pair``) against its baseline over two numbers.

    The grids of the numbers named in ``given`` stay as they are. Others go from low to high of the
    machine file; where nothing crosses there, or the file has no range, over all that is possible,
    and then over the part that holds the line and the present value. ``jobs`` processes share the
    work. Raises ConfigError where no value is possible, and for two axes that set one number.
    """
    check_apart((x, y))
    for widest in (False, True):
        across, down = (_started(axis, given, widest=widest) for axis in (x, y))
        excess = _excess(pair, across, down, jobs)
        if np.isnan(excess).all():
            raise ConfigError.of("--over", "no value is possible here", key=x.key)
        if _crossed(excess) or all(axis.key in given or not axis.own for axis in (x, y)):
            break
    crossed = _crossed(excess)
    coarse = [axis.key not in given and (widest or not axis.own) for axis in (x, y)]
    if crossed and any(coarse):
        across, down = (
            _between(axis, part) if wide else axis
            for axis, part, wide in zip(
                (across, down), _parts(crossed, (across, down)), coarse, strict=True
            )
        )
        excess = _excess(pair, across, down, jobs)
    half_width = _half_widths(pair, across, down, excess, jobs)
    now = excess_of(pair) if x.now is not None and y.now is not None else None
    return BreakevenMap(across, down, excess, half_width, now)


def _started(axis: Axis, given: Sequence[str], *, widest: bool) -> Axis:
    """Return the axis with the values to begin with."""
    if axis.key in given:
        return axis
    if axis.own and not widest:
        return replace(axis, grid=axis.spread(*axis.own, POINTS))
    if few := _all_of(axis):
        return replace(axis, grid=few)
    if axis.is_integer or not axis.now:
        at = np.unique(np.linspace(0, len(axis.grid) - 1, _COARSE).round().astype(int))
        now = [axis.now] if axis.now is not None else []
        return replace(axis, grid=tuple(sorted({*(axis.grid[i] for i in at), *now})))
    low, high = axis.bounds
    steps = (axis.now * _FACTOR**k for k in range(-_BELOW, _COARSE - _BELOW))
    return replace(axis, grid=tuple(sorted({low, high, *(x for x in steps if low < x < high)})))


def _all_of(axis: Axis) -> tuple[float, ...]:
    """Return all values of a number that has few; empty for one that has more than fit."""
    low, high = (round(end / axis.step) for end in axis.bounds)
    if not axis.is_integer or high - low > POINTS:
        return ()
    return tuple(float(n * axis.step) for n in range(low, high + 1) if n not in axis.gaps)


def _between(axis: Axis, part: tuple[int, int]) -> Axis:
    """Return the axis with more values between two of those that it has."""
    if axis.grid == _all_of(axis):
        return axis
    first, last = part
    values = axis.grid[first : last + 1]
    if len(values) < 2:
        return replace(axis, grid=values)
    low, high = values[0], values[-1]
    if low > 0 or high <= 2 * values[1]:
        return replace(axis, grid=axis.spread(low, high, POINTS))
    # Nothing is a factor above zero: it stands alone.
    return replace(axis, grid=(low, *axis.spread(values[1], high, POINTS - 1)))


def _crossed(excess: Floats) -> set[Place]:
    """Return the points beside which the winner is another."""
    wins = np.where(np.abs(excess) < SAME, 0.0, np.sign(excess))
    found: set[Place] = set()
    for (row, column), beside in _neighbours(excess.shape):
        if wins[row, column] * wins[beside] < 0:
            found |= {(row, column), beside}
    # A tie between two that differ has no neighbour of the other sign.
    signs = {-1.0, 1.0} <= set(wins[np.isfinite(wins)].tolist())
    return found | ({(int(r), int(c)) for r, c in np.argwhere(wins == 0)} if signs else set())


def _neighbours(shape: tuple[int, ...]) -> Iterator[tuple[Place, Place]]:
    """Yield every point with its neighbours to the right and below."""
    rows, columns = shape
    for row in range(rows):
        for column in range(columns):
            if column + 1 < columns:
                yield (row, column), (row, column + 1)
            if row + 1 < rows:
                yield (row, column), (row + 1, column)


def _parts(crossed: Iterable[Place], axes: Sequence[Axis]) -> list[tuple[int, int]]:
    """Return first and last position along x and y of the line and of the present values."""
    found = []
    for axis, at in zip(axes, (1, 0), strict=True):
        places = {place[at] for place in crossed}
        if axis.now in axis.grid:
            places.add(axis.grid.index(axis.now))
        found.append((min(places), max(places)))
    return found


def _pairs(pair: Pair, x: Axis, y: Axis, places: Iterable[Place]) -> list[Pair | None]:
    return [_applied(pair, (y, y.grid[row]), (x, x.grid[column])) for row, column in places]


def _applied(pair: Pair, *changes: tuple[Axis, float]) -> Pair | None:
    try:
        for axis, value in changes:
            pair = axis.apply(pair, value)
    except ConfigError:
        return None
    return pair


def _excess(pair: Pair, x: Axis, y: Axis, jobs: int) -> Floats:
    places = list(np.ndindex(len(y.grid), len(x.grid)))
    found = _shared(excess_of, _pairs(pair, x, y, places), jobs)
    return np.array([np.nan if one is None else one for one in found]).reshape(len(y.grid), -1)


def _half_widths(pair: Pair, x: Axis, y: Axis, excess: Floats, jobs: int) -> Floats:
    """Return how far the model may be off: as far from the line as the winner is uncertain."""
    found = np.full(excess.shape, np.nan)
    waiting = _crossed(excess) | {(int(r), int(c)) for r, c in np.argwhere(np.abs(excess) < SAME)}
    done: set[Place] = set()
    while waiting:
        places = sorted(waiting)
        for place, half in zip(
            places, _shared(_half_width, _pairs(pair, x, y, places), jobs), strict=True
        ):
            found[place] = np.nan if half is None else half
        done |= waiting
        uncertain = {place for place in waiting if abs(excess[place]) < found[place]}
        beside = (two for two in _neighbours(excess.shape) if uncertain & {*two})
        waiting = {place for two in beside for place in two if np.isfinite(excess[place])} - done
    return found


def _half_width(pair: Pair) -> float:
    return doubt_at(pair).half_width


def _shared(
    function: Callable[[Pair], float], pairs: Sequence[Pair | None], jobs: int
) -> list[float | None]:
    """Return a function of every pair that there is; ``jobs`` processes take a share each."""
    there = [pair for pair in pairs if pair is not None]
    step = max(1, -(-len(there) // jobs))
    tasks = [(function, there[at : at + step]) for at in range(0, len(there), step)]
    found = iter([one for part in in_processes(_each, tasks, jobs=jobs) for one in part])
    return [None if pair is None else next(found) for pair in pairs]


def _each(task: tuple[Callable[[Pair], float], Sequence[Pair]]) -> list[float]:
    function, pairs = task
    return [function(pair) for pair in pairs]


def _finer(axis: Axis) -> tuple[Floats, Floats]:
    """Return positions along an axis at which values are taken, and where those are drawn."""
    last = len(axis.grid) - 1
    at = np.linspace(0, last, _FINER * last + 1)
    drawn = at
    if axis.is_integer:
        at = np.repeat(np.arange(last + 1.0), 2)
        drawn = np.clip(at + np.tile([-0.5, 0.5], last + 1), 0, last)
    return at, np.array([value_between(axis.grid, one) for one in drawn.tolist()])


def _crossings(
    x: Axis, logs: Floats, margin: Floats, ties: NDArray[np.bool_]
) -> Iterator[RowCrossing]:
    decided = np.flatnonzero(np.isfinite(logs) & ~ties)
    for here, after in pairwise(decided.tolist()):
        if (logs[here] > 0) == (logs[after] > 0):
            continue
        share = logs[here] / (logs[here] - logs[after])
        if between := np.flatnonzero(ties[here:after]).tolist():
            share = (between[0] + between[-1]) / 2 / (after - here)
        start = here + share * (after - here)
        at = value_between(x.grid, start)
        if x.is_integer:
            at = min(x.grid[after], x.whole(x.step * (math.floor(at / x.step) + 1)))
        low = _edge(x, margin, range(here, -1, -1), start)
        high = _edge(x, margin, range(after, len(margin)), start)
        yield RowCrossing(
            at,
            wins_above=bool(logs[after] <= 0),
            low=None if low is None else min(low, at),
            high=None if high is None else max(high, at),
        )


def _edge(x: Axis, margin: Floats, outwards: Iterable[int], start: float) -> float | None:
    """Walk away from a crossing to where the winner is certain."""
    near, at = 0.0, start
    for place in outwards:
        far = abs(float(margin[place]))
        if np.isnan(far):
            return None
        if far >= 1:
            share = (1 - near) / (far - near)
            found = value_between(x.grid, at + share * (place - at))
            return x.whole(found) if x.is_integer else found
        near, at = far, place
    return None


def value_between(values: Sequence[float], position: float) -> float:
    """Return what lies at a position between values: between positive ones, evenly in factors.

    >>> value_between((1.0, 4.0), 0.5), value_between((0.0, 4.0), 0.5)
    (2.0, 2.0)
    """
    at = min(int(position), len(values) - 2) if len(values) > 1 else 0
    share = position - at
    if not share:
        return values[at]
    low, high = values[at], values[at + 1]
    if low > 0:
        return float(low * (high / low) ** share)
    return float(low + share * (high - low))
