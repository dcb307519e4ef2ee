"""Compares cells with their baselines, each strategy in the build with its median change.

Absolute times beside each other need one build for all strategies of a machine: a table shows each
strategy in its own build and the baseline of that build below it, but a picture of times has no
room for as many baselines as there are strategies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

from costmodel.experiment.build_doubt import compared_builds, doubt_of, kind_of_cell
from costmodel.experiment.builds import (
    choices,
    common_builds,
    in_the,
    is_named,
    kernel_cell,
    matched,
    own_builds,
)
from costmodel.experiment.cell import Cell
from costmodel.experiment.comparison import Comparison, LeftOut, beside, meeting_place
from costmodel.experiment.pace import exact_seconds
from costmodel.experiment.run import CellKey, KnownTimes, run_cells
from costmodel.simulation import Engine
from costmodel.strategies.builds import BOOTED


def compare_cells(
    cells: Sequence[Cell],
    baseline: str,
    *,
    noise: bool = True,
    jobs: int = 1,
    engine: Engine = Engine.FAST,
    intervals: bool = True,
) -> list[Comparison]:
    """Compute cells and compare each with that of ``baseline`` on its machine and workload.

    ``cells`` must contain the baseline's. Both cells of a comparison are priced in one build, see
    :func:`costmodel.experiment.builds.matched`; the baseline compared with itself is priced in the
    build that its name means. Other arguments and the errors are those of :func:`run_cells`.
    Raises KeyError for a cell whose baseline is not among ``cells``.
    """
    bases = {meeting_place(cell): cell for cell in cells if cell.strategy == baseline}
    pairs = [(cell, bases[meeting_place(cell)]) for cell in cells]
    times = KnownTimes()
    times.work_out(_needed(pairs, intervals=intervals), jobs=jobs)
    matches = [matched(new, base, times) for new, base in pairs]
    todo = list(dict.fromkeys(CellKey(cell) for m in matches for cell in (m.new, m.base)))
    results = run_cells(
        (key.cell for key in todo), noise=noise, jobs=jobs, engine=engine, intervals=intervals
    )
    found = dict(zip(todo, results, strict=True))
    return [
        beside(found[CellKey(m.new)], found[CellKey(m.base)], m.builds, partial(doubt_of, m, times))
        for m in matches
    ]


def _of_its_kernel(new: Cell, base: Cell) -> Iterator[Cell]:
    """Yield the cells that decide in which build a user's strategy is shown."""
    kernel = kernel_cell(new)
    if kernel is not None and kernel.strategy != base.strategy:
        for build in common_builds(kernel, base):
            yield from (in_the(build, cell) for cell in (kernel, base))


def _needed(pairs: Iterable[tuple[Cell, Cell]], *, intervals: bool) -> Iterator[Cell]:
    """Yield the cells whose exact times decide which builds are compared and how far they differ.

    To know them beforehand allows to compute them in several processes.
    """
    for new, base in pairs:
        several = () if new is base else common_builds(new, base)
        if len(several) > 1:
            yield from (in_the(build, cell) for build in several for cell in (new, base))
            yield from _of_its_kernel(new, base)
        if not intervals or is_named(new):
            continue
        if len(own_builds(new)) > 1:
            yield from (in_the(build, new) for build in own_builds(new))
        if len(own_builds(new)) < 2 or (new is not base and len(several) < 2):
            for cells in compared_builds(kind_of_cell(new)):
                yield from (cell for pair in cells for cell in pair)


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
    comparisons: Sequence[Comparison], *, jobs: int = 1
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
    found = compare_cells(cells, baseline, noise=False, jobs=jobs, intervals=False)
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
