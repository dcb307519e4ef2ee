"""Compares cells with the baseline on the same machine and workload, each pair in one build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from costmodel.experiment.build_doubt import compared_builds, doubt_of, kind_of_cell
from costmodel.experiment.builds import (
    common_builds,
    in_the,
    is_named,
    kernel_cell,
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
