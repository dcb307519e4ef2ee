"""Which build of a kernel a comparison prices.

A change is always that of two sources compiled alike: both times come from one build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from costmodel.experiment.cell import Cell, build_of, exact_seconds, named_strategy

Seconds = Callable[[Cell], float]
"""The exact time of a cell."""


@dataclass(frozen=True)
class BuildChanges:
    """A change in percent by each build, from the baseline of the same build."""

    changes_pct: Mapping[str, float]

    @property
    def low_pct(self) -> float:
        """The lowest change of any build."""
        return min(self.changes_pct.values())

    @property
    def median(self) -> str:
        """The build whose change is the median; of an even number, the lower of the middle two."""
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
    """Two cells as they are priced, both in one build where they have one in common.

    ``builds`` is the change by every build, None where there are fewer than two to choose from.
    ``asked`` are the two cells as they were asked for.
    """

    new: Cell
    base: Cell
    asked: tuple[Cell, Cell]
    builds: BuildChanges | None = None

    @property
    def is_across(self) -> bool:
        """Whether the change is that of the build too."""
        return build_of(self.new) != build_of(self.base)


def matched(
    new: Cell,
    base: Cell,
    seconds: Seconds = exact_seconds,
    also: Iterable[tuple[Cell, Cell]] = (),
) -> Match:
    """Return two cells of one machine and workload in one build.

    The build is the one that was named for either; else, of those that both were recorded of, the
    one with the median change; of a cell beside itself the one that its name means. Cells that have
    no build in common stay as they are: somebody who names two builds compares builds. ``also`` are
    the same strategies on other workloads that the build must have been recorded for.
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
    """Return a cell as a build executes it."""
    return replace(cell, build=build)


def common_builds(new: Cell, base: Cell, also: Iterable[tuple[Cell, Cell]] = ()) -> tuple[str, ...]:
    """Return the builds that all cells can be priced in; empty for two named builds."""
    others = [set(choices(cell)) for cell in (base, *chain.from_iterable(also))]
    return _distinct(build for build in choices(new) if all(build in other for other in others))


def own_builds(cell: Cell) -> tuple[str, ...]:
    """Return the builds that a cell can be priced in, none of them twice."""
    return _distinct(choices(cell))


def choices(cell: Cell) -> tuple[str, ...]:
    """Return the builds that a cell can be priced in: the one named, or all recorded for it."""
    from costmodel.strategies.builds import builds_on

    strategy = named_strategy(cell)
    return (cell.build,) if cell.build else builds_on(strategy, cell.workload, cell.machine.isa)


def is_named(cell: Cell) -> bool:
    """Tell whether somebody said which build: by option or key, in a name, as an archive."""
    return bool(cell.build or named_strategy(cell).is_build)


def _distinct(builds: Iterable[str]) -> tuple[str, ...]:
    """Leave out the booted kernels, which another build repeats, where two others are left."""
    from costmodel.strategies.builds import BOOTED

    found = tuple(builds)
    others = tuple(build for build in found if build != BOOTED)
    return others if len(others) > 1 or BOOTED not in found else (BOOTED,)
