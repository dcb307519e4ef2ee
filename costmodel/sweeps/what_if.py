"""Finds the few numbers of a machine that decide comparisons, and prices strategies on their grid.

They are the sliders of a page. Every combination of their positions is a point of the grid and
computed like any other cell, so nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Floats
from costmodel.config.errors import ConfigError, Fault
from costmodel.config.machine import Machine
from costmodel.experiment import Cell
from costmodel.experiment.run import CellKey
from costmodel.explaining.sensitivity import both_ends, seconds_on, uncertain_numbers
from costmodel.parallel import in_processes
from costmodel.sweeps.axes import Number, SweepAxis, axis_faults, bounds, owned_key, spelled_out
from costmodel.sweeps.design import Design
from costmodel.sweeps.price import packed, price_piece
from costmodel.sweeps.study import Block, Chunk, SweepWork
from costmodel.uncertainty.priors import Prior, value_of

MOST_NUMBERS = 3
POSITIONS = (9, 7, 5)
"""How many positions each slider has: the first number that leaves the grid small enough."""
MOST_CELLS = 6000
"""The most cells in the grid of one machine: some seconds of work."""
LEAST_SHARE = 0.03
"""A number with less than this share of the influence of all numbers is left out."""
LEAST_MOVE = 1e-4
"""A change of the logarithm of a ratio of times, between both ends of a range, counts as none below
this."""
_CHUNK_CELLS = 500

Pair = tuple[Cell, Cell]
"""The cell of a strategy and that of its baseline."""


@dataclass(frozen=True)
class Slider:
    """A number of a machine that varies over ``values``.

    ``now`` is the position of the machine's own value, ``source`` where that comes from.
    """

    key: str
    values: tuple[Number, ...]
    now: int
    source: str


@dataclass(frozen=True)
class WhatIf:
    """Strategies on one machine at every combination of positions of its sliders.

    ``pairs`` are the cells of strategies with their baselines. ``ns_per_pte`` and ``change_pct``,
    float64[points, pairs], are exact; the last slider changes fastest. They are NaN where the
    numbers of a point contradict each other.
    """

    machine: Machine
    sliders: tuple[Slider, ...]
    pairs: tuple[Pair, ...]
    ns_per_pte: Floats
    change_pct: Floats

    @property
    def now(self) -> int:
        """The number of the point at which all sliders have the machine's own values.

        It is the row of that point in ``ns_per_pte`` and ``change_pct``.
        """
        at = 0
        for slider in self.sliders:
            at = at * len(slider.values) + slider.now
        return at


def what_if(pairs: Sequence[Pair], over: Sequence[SweepAxis] = (), *, jobs: int = 1) -> WhatIf:
    """Return the grid of a machine over the axes ``over``, or over the numbers that decide most.

    ``pairs`` are cells of one machine with their baselines, in the builds that are shown. ``jobs``
    processes share the work. The grid has no slider where no number changes any comparison. Raises
    ConfigError for numbers that cannot vary.
    """
    machine = pairs[0][0].machine
    cells = list(dict.fromkeys(CellKey(cell) for pair in pairs for cell in pair))
    sliders = _sliders(machine, pairs, over, len(cells), jobs)
    axes = tuple(SweepAxis(slider.key, values=slider.values) for slider in sliders)
    priced = tuple(key.cell for key in cells)
    block = Block({}, machine, priced, priced)
    ns = _priced(SweepWork((block,), axes, (), Design()), len(cells), jobs)
    of = {key: at for at, key in enumerate(cells)}
    new, base = (ns[:, [of[CellKey(pair[at])] for pair in pairs]] for at in (0, 1))
    return WhatIf(machine, sliders, tuple(pairs), new, 100 * (new / base - 1))


def check_over(over: Sequence[SweepAxis], machines: Mapping[str, Machine]) -> None:
    """Raise ConfigError, with every fault, for axes that sliders cannot vary."""
    faults = [
        Fault("--over", key=key, reason=reason, got=got)
        for key, reason, got in axis_faults(over, machines, grid=False)
    ]
    if len(over) > MOST_NUMBERS:
        reason = f"are too many: a page has at most {MOST_NUMBERS} sliders"
        faults.append(Fault("--over", reason=reason, got=", ".join(axis.key for axis in over)))
    if faults:
        raise ConfigError(faults)


def _sliders(
    machine: Machine, pairs: Sequence[Pair], over: Sequence[SweepAxis], cells: int, jobs: int
) -> tuple[Slider, ...]:
    if over:
        mine = [axis for axis in spelled_out(over, [machine]) if owned_key(axis.key, machine)]
        most = _positions(len(mine), cells)
        return tuple(_slider_along(machine, axis, most) for axis in mine)
    found = deciding_numbers(pairs, most=MOST_NUMBERS, jobs=jobs)
    while len(found) > 1 and not _positions(len(found), cells):
        found = found[:-1]
    most = _positions(len(found), cells)
    return tuple(_slider(machine, prior, most) for prior in found)


def _positions(numbers: int, cells: int) -> int:
    """Return how many positions each of ``numbers`` sliders has; 0 if the grid is too large."""
    return next((n for n in POSITIONS if cells * n**numbers <= MOST_CELLS), 0)


def _slider(machine: Machine, prior: Prior, most: int) -> Slider:
    now = prior.typed(value_of(machine, prior))
    low, high = prior.typed(prior.low), prior.typed(prior.high)
    return _placed(machine, prior.key, _along(low, now, high, most), now)


def _slider_along(machine: Machine, axis: SweepAxis, most: int) -> Slider:
    """Return the slider of an axis; the machine's own value is one of its positions."""
    key = owned_key(axis.key, machine) or axis.key
    now: Number = machine.parameters[key].value
    if axis.is_listed:
        listed = [float(v) for v in axis.values] if isinstance(now, float) else list(axis.values)
        return _placed(machine, key, {*listed, now}, now)
    count = axis.count or most or POSITIONS[-1]
    low, high = bounds(axis, machine, key)
    if axis.spacing == "linear":
        ends = (round(low), round(high)) if isinstance(now, int) else (low, high)
        assert not isinstance(now, str)
        return _placed(machine, key, _along(ends[0], now, ends[1], count), now)
    steps = axis.at(np.linspace(0, 1, count), low, high).tolist()
    values = {round(step) if isinstance(now, int) else _rounded(step) for step in steps}
    return _placed(machine, key, {*values, now}, now)


def _placed(machine: Machine, key: str, values: set[Number], now: Number) -> Slider:
    ordered = tuple(sorted(values))
    return Slider(key, ordered, ordered.index(now), machine.parameters[key].source)


def _along(low: float, now: float, high: float, count: int) -> set[Number]:
    """Return about ``count`` values from ``low`` to ``high``, evenly on each side of ``now``."""
    low, high = min(low, now), max(high, now)
    below = round((count - 1) * (now - low) / (high - low)) if high > low else 0
    below = min(max(below, int(now > low)), count - 1 - int(now < high))
    steps = [*np.linspace(low, now, below + 1), *np.linspace(now, high, count - below)]
    if isinstance(now, int):
        return {round(step) for step in steps}
    inside = {_rounded(float(step)) for step in steps[1:-1]}
    near = 1e-2 * (high - low)
    kept = {x for x in inside if low < x < high and abs(x - now) > near}
    return {float(low), float(now), float(high), *kept}


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _priced(study: SweepWork, cells: int, jobs: int) -> Floats:
    """Return ns per PTE at every point of the grid, float64[points, cells]."""
    work = packed(study)
    tasks = [(work, piece) for piece in study.pieces(_CHUNK_CELLS)]
    tables = in_processes(_piece, tasks, jobs=jobs)
    points = np.concatenate([points for points, _ in tables])
    found = np.concatenate([ns for _, ns in tables])
    ns = np.empty((study.points, cells))
    ns[points[::cells]] = found.reshape(-1, cells)
    return ns


def _piece(task: tuple[bytes, Chunk]) -> tuple[NDArray[np.int64], Floats]:
    table = price_piece(*task)
    return table["point"], table["ns_per_pte"]


def deciding_numbers(
    pairs: Sequence[tuple[Cell, Cell]], *, most: int, jobs: int = 1
) -> tuple[Prior, ...]:
    """Return at most ``most`` numbers of a machine that decide comparisons, the first one most.

    ``pairs`` are cells with their baselines, all of one machine. Each number alone is moved to both
    ends of its range. Its share of a comparison is proportional to the square of the change of the
    logarithm of the ratio of times, and the shares of all comparisons are added. ``jobs`` processes
    share the work. Empty where no number changes anything.
    """
    machine = pairs[0][0].machine
    many_cpus = any(cell.workload.many_cpus for pair in pairs for cell in pair)
    known = uncertain_numbers(machine, many_cpus=many_cpus)
    ends = [changed for prior in known for changed in both_ends(machine, prior)]
    cells = list(dict.fromkeys(CellKey(cell) for pair in pairs for cell in pair))
    found = in_processes(seconds_on, [(key.cell, ends) for key in cells], jobs=jobs)
    logs = {key: np.log(seconds) for key, seconds in zip(cells, found, strict=True)}
    shares = np.zeros(len(known))
    for new, base in pairs:
        shares += _shares(logs[CellKey(new)] - logs[CellKey(base)])
    order = np.argsort(-shares, kind="stable")[:most]
    return tuple(known[at] for at in order if shares[at] > LEAST_SHARE * shares.sum())


def _shares(ratios: Floats) -> Floats:
    """Return each number's share, float64[numbers]; ``ratios`` has its low and high end in turn."""
    moved = np.abs(ratios[1::2] - ratios[::2])
    moved[moved < LEAST_MOVE] = 0.0
    total = float(np.sum(moved**2))
    return np.asarray(moved**2 / total) if total else moved
