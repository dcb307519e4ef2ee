"""Exact times that are known already: which build is the median hangs on many of them."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.experiment.cell import Cell, build_of
from costmodel.experiment.run import run_cells
from costmodel.units import PS_PER_S


class KnownTimes:
    """Exact times of cells; each is computed once, in several processes where it is foreseen."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: dict[CellKey, float] = {}

    def __call__(self, cell: Cell) -> float:
        """Return the exact time of a cell in seconds."""
        key = CellKey(cell)
        if key not in self._known:
            self.work_out([cell], jobs=1)
        return self._known[key]

    def work_out(self, cells: Iterable[Cell], *, jobs: int) -> None:
        """Compute the times of cells that will be asked for."""
        keys = [key for key in dict.fromkeys(map(CellKey, cells)) if key not in self._known]
        results = run_cells((key.cell for key in keys), noise=False, jobs=jobs, intervals=False)
        seconds = (result.exact_ps / PS_PER_S for result in results)
        self._known.update(zip(keys, seconds, strict=True))


class CellKey:
    """A cell by what it runs on which machine object; machines are slow to hash."""

    def __init__(self, cell: Cell) -> None:
        """Take a cell; one whose build is not named is in the one that its strategy means."""
        self.cell = cell
        self._key = id(cell.machine), cell.workload, cell.strategy, build_of(cell)

    def __hash__(self) -> int:
        """Return a hash of what tells cells apart."""
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        """Tell whether two cells have the same time."""
        return isinstance(other, CellKey) and other._key == self._key
