"""Remembers exact times: to find the build with the median change takes many of them."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.experiment.cell import Cell, build_of
from costmodel.experiment.run import run_cells
from costmodel.units import PS_PER_S


class KnownTimes:
    """Exact times of cells in seconds; each is computed once.

    ``work_out()`` computes those that will be needed in several processes.
    """

    def __init__(self) -> None:
        """Begin without any time."""
        self._known: dict[CellKey, float] = {}

    def __call__(self, cell: Cell) -> float:
        """Return the exact time of a cell in seconds."""
        key = CellKey(cell)
        if key not in self._known:
            self.work_out([cell], jobs=1)
        return self._known[key]

    def work_out(self, cells: Iterable[Cell], *, jobs: int) -> None:
        """Compute and remember the times of ``cells``, in ``jobs`` processes."""
        keys = [key for key in dict.fromkeys(map(CellKey, cells)) if key not in self._known]
        results = run_cells((key.cell for key in keys), noise=False, jobs=jobs, intervals=False)
        seconds = (result.exact_ps / PS_PER_S for result in results)
        self._known.update(zip(keys, seconds, strict=True))


class CellKey:
    """Identifies a cell by its machine object, workload, strategy and build.

    Cells themselves are no keys of mappings because machines are slow to hash.
    """

    def __init__(self, cell: Cell) -> None:
        """Keep a cell; where it names no build, the one that its strategy's name means counts."""
        self.cell = cell
        self._key = id(cell.machine), cell.workload, cell.strategy, build_of(cell)

    def __hash__(self) -> int:
        """Return a hash of machine object, workload, strategy and build."""
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same machine object, workload, strategy and build."""
        return isinstance(other, CellKey) and other._key == self._key
