"""Chooses the kernel build in which the two cells of a comparison are priced.

A change should be that of two sources which were compiled alike, so both times come from one build
where both strategies were recorded of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from costmodel.experiment.cell import Cell, build_of, exact_seconds, named_strategy

Seconds = Callable[[Cell], float]
"""A function that returns the exact time of a cell in seconds."""


@dataclass(frozen=True)
class BuildChanges:
    """The change against the baseline of the same build in percent, by the name of the build."""

    changes_pct: Mapping[str, float]

    @property
    def low_pct(self) -> float:
        """The lowest change of any build."""
        return min(self.changes_pct.values())

    @property
    def median(self) -> str:
        """Name of the build whose change is the median; the lower one of two in the middle."""
        ordered = sorted(self.changes_pct, key=lambda build: (self.changes_pct[build], build))
        return ordered[(len(ordered) - 1) // 2]

    @property
    def median_pct(self) -> float:
        """The change of the median build."""
        return self.changes_pct[self.median]

    @property
    def high_pct(self) -> float:
        """The highest change of any build."""
        return max(self.changes_pct.values())


@dataclass(frozen=True)
class Match:
    """Two cells as they are priced: in one build, where both were recorded of one.

    ``builds`` holds the change by each build that both were recorded of; None for fewer than two.
    ``asked`` are the two cells as they were asked for, before a build was chosen.
    """

    new: Cell
    base: Cell
    asked: tuple[Cell, Cell]
    builds: BuildChanges | None = None

    @property
    def is_across(self) -> bool:
        """Whether the two cells are priced in different builds, so that these differ as well."""
        return build_of(self.new) != build_of(self.base)


def matched(
    new: Cell,
    base: Cell,
    seconds: Seconds = exact_seconds,
    also: Iterable[tuple[Cell, Cell]] = (),
) -> Match:
    """Return two cells of one machine and workload in the build that they are to be priced in.

    The build is the one that was named for either cell. Else it is, of the builds that both were
    recorded of, the one with the median change. A cell compared with itself is priced in the build
    that its name means. Cells without a build in common keep their own: who names two builds wants
    to compare builds. ``seconds`` returns exact times. ``also`` holds pairs of the same strategies
    on other workloads, for which the build must have been recorded as well.
    """
    if new == base:
        shown = in_the(build_of(base), base)
        return Match(shown, shown, (new, base))
    common = common_builds(new, base, also)
    if not common:
        return Match(in_the(build_of(new), new), in_the(build_of(base), base), (new, base))
    changes = {}
    if len(common) > 1:
        changes = {
            build: 100 * (seconds(in_the(build, new)) / seconds(in_the(build, base)) - 1)
            for build in common
        }
    found = BuildChanges(changes) if changes else None
    build = found.median if found else common[0]
    return Match(in_the(build, new), in_the(build, base), (new, base), found)


def in_the(build: str, cell: Cell) -> Cell:
    """Return a cell with another build."""
    return replace(cell, build=build)


def common_builds(new: Cell, base: Cell, also: Iterable[tuple[Cell, Cell]] = ()) -> tuple[str, ...]:
    """Return the builds that all cells can be priced in; empty where two different ones are named.

    ``also`` holds further pairs of cells.
    """
    others = [set(choices(cell)) for cell in (base, *chain.from_iterable(also))]
    return _distinct(build for build in choices(new) if all(build in other for other in others))


def own_builds(cell: Cell) -> tuple[str, ...]:
    """Return the builds that a cell can be priced in, without one that repeats another.

    The kernels that were booted are left out where two other builds are there: one of these was
    compiled alike.
    """
    return _distinct(choices(cell))


def choices(cell: Cell) -> tuple[str, ...]:
    """Return the builds that a cell can be priced in: the one named, or all recorded for it."""
    from costmodel.strategies.builds import builds_on

    strategy = named_strategy(cell)
    return (cell.build,) if cell.build else builds_on(strategy, cell.workload, cell.machine.isa)


def is_named(cell: Cell) -> bool:
    """Tell whether the user named the build: by option, in a strategy's name, or as an archive."""
    return bool(cell.build or named_strategy(cell).is_build)


def _distinct(builds: Iterable[str]) -> tuple[str, ...]:
    """Leave out the booted kernels where two other builds are there: one of these repeats them."""
    from costmodel.strategies.builds import BOOTED

    found = tuple(builds)
    others = tuple(build for build in found if build != BOOTED)
    return others if len(others) > 1 or BOOTED not in found else (BOOTED,)
