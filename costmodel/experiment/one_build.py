"""Prices all strategies of a machine in one build, for pictures that show times.

A table shows each strategy in the build with its median change, and the baseline of that build
below it. A picture of times has no room for as many baselines as there are strategies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from costmodel.experiment.builds import choices, in_the, is_named
from costmodel.experiment.cell import Cell
from costmodel.experiment.pace import exact_seconds
from costmodel.experiment.study import Comparison, LeftOut, compare_cells, meeting_place
from costmodel.strategies.builds import BOOTED


def mixes_builds(comparisons: Iterable[Comparison]) -> bool:
    """Tell whether some times are of another build than that of the baseline's own rows.

    Those of two builds that somebody named do not count: they are compared as they are.
    """
    found = list(comparisons)
    own = {meeting_place(c.result.cell): c.result.build for c in found if c.is_baseline}
    return any(
        not c.is_across and c.result.build != own[meeting_place(c.result.cell)] for c in found
    )


def all_in_one_build(
    comparisons: Sequence[Comparison],
) -> tuple[list[Comparison], list[LeftOut]]:
    """Return the same without noise, all of a machine in one build, and what that leaves out.

    The build is one in which most of the strategies can be priced on every layout; of several the
    one with the median change, over strategies and layouts.
    """
    cells: list[Cell] = []
    left_out: list[LeftOut] = []
    baseline = comparisons[0].baseline.cell.strategy
    for machine, asked in _by_machine(comparisons):
        build = _the_build(asked, baseline)
        names = dict.fromkeys(cell.strategy for cell in asked)
        missing = tuple(name for name in names if not _runs(name, build, asked))
        cells += [
            cell if is_named(cell) else in_the(build, cell)
            for cell in asked
            if cell.strategy not in missing
        ]
        if missing:
            left_out.append(LeftOut(machine, missing, f"not recorded of build {build}"))
    found = compare_cells(cells, baseline, noise=False, intervals=False)
    return found, left_out


def _by_machine(comparisons: Iterable[Comparison]) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the cells of each machine as they were asked for, no build chosen."""
    machines: dict[str, list[Cell]] = {}
    for comparison in comparisons:
        cell = comparison.result.cell
        machines.setdefault(cell.machine.name, []).append(replace(cell, build=""))
    yield from machines.items()


def _the_build(cells: Sequence[Cell], baseline: str) -> str:
    """Return the build of a picture."""
    bases = {meeting_place(cell): cell for cell in cells if cell.strategy == baseline}
    known = [build for build in choices(cells[0]) if _runs(baseline, build, cells)]
    names = dict.fromkeys(cell.strategy for cell in cells if not is_named(cell))
    counts = {build: sum(_runs(name, build, cells) for name in names) for build in known}
    best = [build for build in known if counts[build] == max(counts.values())]
    others = [build for build in best if build != BOOTED]
    best = others if len(others) > 1 else best
    if len(best) == 1:
        return best[0]

    def change(build: str) -> float:
        """Return the mean change of what runs in a build, as a logarithm."""
        return fmean(
            math.log(exact_seconds(in_the(build, cell)) / exact_seconds(in_the(build, base)))
            for cell in cells
            if build in choices(cell)
            for base in (bases[meeting_place(cell)],)
        )

    return sorted(best, key=lambda build: (change(build), build))[(len(best) - 1) // 2]


def _runs(strategy: str, build: str, cells: Iterable[Cell]) -> bool:
    """Tell whether a strategy can be priced in a build wherever it is asked for."""
    mine = [cell for cell in cells if cell.strategy == strategy]
    return all(is_named(cell) or build in choices(cell) for cell in mine)
