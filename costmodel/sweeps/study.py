"""A sweep as a whole: a scenario, its axes, and the pieces of work that it is divided into."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from costmodel.arrays import Floats
from costmodel.config.document import Place
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.machine import Machine
from costmodel.config.scenario import Scenario
from costmodel.experiment import Cell, LeftOut, compile_apart, matched
from costmodel.plan import CellPlan, plan, plan_faults
from costmodel.sweeps.axes import (
    NO_AXES,
    UNCERTAIN,
    Number,
    SweepAxis,
    axis_faults,
    spelled_out,
)
from costmodel.sweeps.design import Column, Design, columns, unit_points
from costmodel.units import PAGE_BYTES

CHUNK_CELLS = 4000
"""Cells of a chunk: some seconds of work, which is what a kill costs at most per process."""
NOT_VARIED = ("title", "protocol", "overrides", *NO_AXES)
SCENARIO_AXES = tuple(key for key in Scenario.model_fields if key not in NOT_VARIED)
"""Keys of a scenario that a sweep can vary."""


@dataclass(frozen=True)
class Block:
    """The cells of one machine under one setting of the scenario's keys; they have every point."""

    setting: Mapping[str, Number]
    machine: Machine
    cells: tuple[Cell, ...]
    """For each folio layout the baseline, then the others, in the builds that tables show."""
    bases: tuple[Cell, ...]
    """For each of the cells the one that its change counts from: the baseline in its build."""


@dataclass(frozen=True)
class Chunk:
    """A piece of work: points ``first`` to ``last`` (exclusive) of a block, in its order.

    ``block`` is the block's position.
    """

    block: int
    first: int
    last: int


@dataclass(frozen=True)
class SweepWork:
    """The cells of a sweep: each of ``blocks`` at every point along the axes ``numbers``.

    ``numbers`` are axes of machine numbers. ``keys`` are axes of scenario keys; the setting of a
    block has a value for each.
    """

    blocks: tuple[Block, ...]
    numbers: tuple[SweepAxis, ...]
    keys: tuple[SweepAxis, ...]
    design: Design

    @cached_property
    def shares(self) -> Floats:
        """The points as shares of the way along each axis of ``numbers``, float64[points, axes].

        0 is the low end of a range, 1 the high end.
        """
        return unit_points(self.numbers, self.design)

    @property
    def points(self) -> int:
        """The number of points that each block has: those of the sample, or of the whole grid."""
        if self.design.points is not None and self.numbers:
            return self.design.points
        return int(np.prod([len(axis.values) or axis.count or 1 for axis in self.numbers]))

    @cached_property
    def settings(self) -> tuple[Mapping[str, Number], ...]:
        """The combinations of values of ``keys``, each once, in the order of the blocks.

        Without such axes there is one, which is empty.
        """
        found: list[Mapping[str, Number]] = []
        for block in self.blocks:
            if block.setting not in found:
                found.append(block.setting)
        return tuple(found)

    def first_point(self, block: int) -> int:
        """Return the number of the first point of the block at position ``block``.

        Points are numbered over all settings of the scenario's keys. The blocks of one setting, one
        for each machine, share their numbers.
        """
        return self.settings.index(self.blocks[block].setting) * self.points

    @property
    def cells(self) -> int:
        """The number of cells of the whole sweep: the cells of every block, at every point."""
        return self.points * sum(len(block.cells) for block in self.blocks)

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """The pieces of work, in order.

        They do not depend on the number of workers, so a sweep that goes on with other workers
        finds the files of the pieces that are done.
        """
        return tuple(self.pieces(CHUNK_CELLS))

    def pieces(self, cells: int) -> Iterator[Chunk]:
        """Yield the work in order, in pieces of at most ``cells`` cells.

        A piece has all cells of its points. A block with more than ``cells`` cells has one point
        in each piece.
        """
        for number, block in enumerate(self.blocks):
            step = max(1, cells // len(block.cells))
            for first in range(0, self.points, step):
                yield Chunk(number, first, min(first + step, self.points))

    def values(self, machine: Machine) -> dict[str, Column]:
        """Return the values of every axis of ``numbers`` on a machine, by key of the axis.

        They stand in the order of the points. Axes of other machines are left out.
        """
        return columns(self.numbers, self.shares, machine, grid=self.design.sample == "grid")


@dataclass(frozen=True)
class SweepStudy(SweepWork):
    """The work of a sweep with the scenario that it is about."""

    title: str
    scenario: Scenario
    left_out: tuple[LeftOut, ...] = ()
    """Strategies that a machine cannot have."""


def sweep_study(
    scenario: Scenario,
    machines: Mapping[str, Machine],
    axes: Sequence[SweepAxis],
    design: Design,
    *,
    places: Mapping[str, Fault] | None = None,
    origin: str = "--over",
) -> SweepStudy:
    """Return the sweep of a scenario on machines (by name) along axes.

    ``places`` maps keys of axes to faults without a reason, which hold the place of each in a file;
    for other axes ``origin`` is the place in messages. Raises ConfigError with every fault of axes,
    design and scenario.
    """
    keys, numbers = _parted(axes, machines, design)
    faults = axes_faults(machines, axes, design, places=places, origin=origin)
    at = {axis.key: _placed(axis.key, "", "", places or {}, origin) for axis in keys}
    wrong = {fault.key for fault in faults}
    planned = list(
        _planned(scenario, machines, [k for k in keys if k.key not in wrong], at, faults)
    )
    if faults:
        raise ConfigError(faults)
    blocks = tuple(_blocks(planned))
    missing = tuple(dict.fromkeys(out for _, todo in planned for out in todo.left_out))
    return SweepStudy(blocks, numbers, keys, design, scenario.title, scenario, missing)


def axes_faults(
    machines: Mapping[str, Machine],
    axes: Sequence[SweepAxis],
    design: Design,
    *,
    places: Mapping[str, Fault] | None = None,
    origin: str = "--over",
) -> list[Fault]:
    """Return the faults of axes and design that are wrong for every scenario.

    The list is empty where there are none. Arguments are those of :func:`sweep_study`.
    """
    grid = design.sample == "grid"
    keys, numbers = _parted(axes, machines, design)
    found = [*_key_faults(keys), *axis_faults(numbers, machines, grid=grid)]
    if not axes:
        found.append(("", "nothing varies: name a key", ""))
    if grid and any(axis.key == UNCERTAIN for axis in axes):
        found.append((UNCERTAIN, "are too many numbers for a grid: --sample sobol or lhs", ""))
    faults = [_placed(key, reason, got, places or {}, origin) for key, reason, got in found]
    return [*faults, *_design_faults(design)]


def _parted(
    axes: Sequence[SweepAxis], machines: Mapping[str, Machine], design: Design
) -> tuple[tuple[SweepAxis, ...], tuple[SweepAxis, ...]]:
    """Return the axes of scenario keys, and those of machine numbers that the design can have."""
    keys = tuple(axis for axis in axes if axis.key in Scenario.model_fields)
    named = [axis for axis in axes if axis not in keys]
    if design.sample == "grid":
        named = [axis for axis in named if axis.key != UNCERTAIN]
    return keys, spelled_out(named, machines.values())


def _placed(key: str, reason: str, got: str, places: Mapping[str, Fault], origin: str) -> Fault:
    place = places.get(key)
    if place is None:
        return Fault(origin, key=key, reason=reason, got=got)
    return replace(place, reason=reason, got=got or place.got)


def _key_faults(keys: Iterable[SweepAxis]) -> Iterator[tuple[str, str, str]]:
    for axis in keys:
        if axis.key not in SCENARIO_AXES:
            yield axis.key, NO_AXES.get(axis.key) or unknown("key", axis.key, SCENARIO_AXES), ""
        elif not axis.is_listed and (axis.low is None or axis.count is None):
            yield axis.key, "a key of the scenario needs values, or LOW..HIGH:N", ""


def _design_faults(design: Design) -> Iterator[Fault]:
    for (key, *_), reason, got in design.problems():
        yield Fault(f"--{key}", reason=reason, got="" if got is None else describe(got))


def _planned(
    scenario: Scenario,
    machines: Mapping[str, Machine],
    keys: Sequence[SweepAxis],
    places: Mapping[str, Fault],
    faults: list[Fault],
) -> Iterator[tuple[Mapping[str, Number], CellPlan]]:
    """Yield each setting of the keys with its cells; add to ``faults`` what is wrong with others.

    Where something is wrong already, no strategy is said not to fit into the question.
    """
    is_whole = not faults
    said = {key: Place(at.line, at.col, at.file) for key, at in places.items()}
    for values in itertools.product(*(_listed(axis) for axis in keys)):
        setting = {axis.key: value for axis, value in zip(keys, values, strict=True)}
        try:
            asked = scenario.replace(setting, origin=said) if setting else scenario
            if is_whole:
                yield setting, plan(asked, machines)
            else:
                faults += plan_faults(asked, machines, is_whole=False)
        except ConfigError as error:
            faults += error.faults


def _blocks(planned: Iterable[tuple[Mapping[str, Number], CellPlan]]) -> Iterator[Block]:
    for setting, todo in planned:
        compile_apart(todo.cells[0])
        for _, mine in itertools.groupby(todo.cells, key=lambda cell: cell.machine.name):
            pairs = list(_pairs(mine))
            cells, bases = zip(*pairs, strict=True)
            yield Block(setting, pairs[0][0].machine, cells, bases)


def _pairs(cells: Iterable[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Yield each cell with its baseline in the same build, which is the first of its layout."""
    for _, alike in itertools.groupby(cells, key=lambda cell: cell.workload):
        baseline, *others = alike
        for cell in (baseline, *others):
            match = matched(cell, baseline)
            yield match.new, match.base


def _listed(axis: SweepAxis) -> Sequence[Number]:
    """Return the values of an axis of a scenario key.

    Along a range of a key that takes whole numbers these are whole; ``memory`` is in whole pages.
    """
    if axis.is_listed:
        return axis.values
    assert axis.low is not None and axis.high is not None
    shares = np.linspace(0, 1, axis.count or 1)
    found = axis.at(shares, axis.low, axis.high)
    if Scenario.model_fields[axis.key].annotation is float:
        return [float(value) for value in np.unique(found)]
    step = PAGE_BYTES if axis.key == "memory" else 1
    return [int(value) * step for value in np.unique(np.rint(found / step))]
