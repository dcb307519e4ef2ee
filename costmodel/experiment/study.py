"""Cells beside the baseline of their machine and workload, each pair in one build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from costmodel.experiment.build_doubt import compared_builds, doubt_of, kind_of_cell
from costmodel.experiment.builds import (
    common_builds,
    in_the,
    is_named,
    matched,
    own_builds,
)
from costmodel.experiment.cell import Cell
from costmodel.experiment.comparison import Comparison, beside, meeting_place
from costmodel.experiment.run import run_cells
from costmodel.experiment.times import CellKey, KnownTimes
from costmodel.simulation import Engine


def compare_cells(
    cells: Sequence[Cell],
    baseline: str,
    *,
    noise: bool = True,
    jobs: int = 1,
    engine: Engine = Engine.FAST,
    intervals: bool = True,
) -> list[Comparison]:
    """Compute cells and set each beside that of ``baseline`` on its machine and workload.

    Both are priced in one build, see :func:`costmodel.experiment.builds.matched`; the baseline's
    own row is in the build that its name means. Arguments and errors are those of
    :func:`run_cells`.
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


def _needed(pairs: Iterable[tuple[Cell, Cell]], *, intervals: bool) -> Iterator[Cell]:
    """Yield the cells whose exact times decide about builds and their ranges."""
    for new, base in pairs:
        several = () if new is base else common_builds(new, base)
        if len(several) > 1:
            yield from (in_the(build, cell) for build in several for cell in (new, base))
        if not intervals or is_named(new):
            continue
        if len(own_builds(new)) > 1:
            yield from (in_the(build, new) for build in own_builds(new))
        if len(own_builds(new)) < 2 or (new is not base and len(several) < 2):
            for cells in compared_builds(kind_of_cell(new)):
                yield from (cell for pair in cells for cell in pair)
