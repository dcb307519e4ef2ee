"""Chooses the kernel build in which the two cells of a comparison are priced.

A change should be that of two sources which were compiled alike, so both times come from one build
where both strategies were recorded of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from costmodel.experiment.cell import Cell, build_of, named_strategy
from costmodel.experiment.pace import exact_seconds

Seconds = Callable[[Cell], float]
"""A function that returns the exact time of a cell in seconds."""


@dataclass(frozen=True)
class BuildChanges:
    """The change against the baseline of the same build in percent, by the name of the build.

    ``shown`` is the build that a table shows: the median, but for a user's strategy (see
    :func:`matched`).
    """

    changes_pct: Mapping[str, float]
    shown: str = ""

    def __post_init__(self) -> None:
        """Show the median where nothing else is named."""
        object.__setattr__(self, "shown", self.shown or self.median)

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
    def shown_pct(self) -> float:
        """The change of the build that is shown."""
        return self.changes_pct[self.shown]

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
    also: Sequence[tuple[Cell, Cell]] = (),
) -> Match:
    """Return two cells of one machine and workload in one build.

    The build is the one that was named for either; else, of those that both were recorded of, the
    one with the median change; of a cell beside itself the one that its name means. A user's
    strategy is shown in the build of the kernel that it changes (:func:`_as_its_kernel`): its row
    and that of the kernel can then be compared. Cells that have no build in common stay as they
    are: somebody who names two builds compares builds. ``also`` are the same strategies on other
    workloads that the build must have been recorded for.
    """
    if new == base:
        shown = in_the(build_of(base), base)
        return Match(shown, shown, (new, base))
    common = common_builds(new, base, also)
    if not common:
        return Match(in_the(build_of(new), new), in_the(build_of(base), base), (new, base))
    if len(common) == 1:
        return Match(in_the(common[0], new), in_the(common[0], base), (new, base))
    changes = {
        build: 100 * (seconds(in_the(build, new)) / seconds(in_the(build, base)) - 1)
        for build in common
    }
    found = BuildChanges(changes, _as_its_kernel(new, base, common, seconds, also))
    return Match(in_the(found.shown, new), in_the(found.shown, base), (new, base), found)


def _as_its_kernel(
    new: Cell,
    base: Cell,
    builds: Sequence[str],
    seconds: Seconds,
    also: Sequence[tuple[Cell, Cell]],
) -> str:
    """Return the build of a user's strategy that shows it as the kernel that it changes is shown.

    Of the builds that execute it the one in which that kernel's change is nearest to the change
    that is shown of it: the same build, where that executes it. Empty for what changes no built-in
    kernel, or is compared with it.
    """
    kernel = kernel_cell(new)
    if kernel is None or kernel.strategy == base.strategy:
        return ""
    kernels = [(replace(cell, strategy=kernel.strategy), other) for cell, other in also]
    match = matched(kernel, base, seconds, kernels)
    if match.builds is None:
        return match.new.build if match.new.build in builds else ""
    changes, shown = match.builds.changes_pct, match.builds.shown
    if shown in builds:
        return shown
    known = [build for build in builds if build in changes]
    return min(known, key=lambda build: abs(changes[build] - changes[shown]), default="")


def kernel_cell(cell: Cell) -> Cell | None:
    """Return the cell of the kernel that the user's strategy of a cell changes, None for others."""
    from costmodel.strategies.builds import kernel_changed_by

    kernel = kernel_changed_by(named_strategy(cell), cell.machine.isa)
    return None if kernel is None else replace(cell, strategy=kernel.name)


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
