"""Compares two result files cell by cell, or says why they cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from costmodel.config.errors import ConfigError, Fault
from costmodel.results.reading import CellRecord, ResultFile
from costmodel.statistics import CONFIDENCE, Change, change

NEGLIGIBLE_PCT: Final = 0.01
"""Below this two exact times are the same: the core's own resolution is about as wide."""

_MUST_AGREE: Final[dict[str, Callable[[CellRecord], Any]]] = {
    "operation": lambda cell: cell.operation,
    "memory_bytes": lambda cell: cell.memory_bytes,
    "state": lambda cell: cell.state,
    "frames": lambda cell: cell.frames,
    "contpte": lambda cell: cell.contpte,
    "cpus": lambda cell: cell.cpus,
    "runs": lambda cell: cell.runs,
    "iterations": lambda cell: cell.iterations,
}


@dataclass(frozen=True)
class CellChange:
    """How one cell changed from the old file to the new one."""

    old: CellRecord
    new: CellRecord
    change: Change

    @property
    def is_significant(self) -> bool:
        """Whether the change is more than noise: p below 5 %, or any for exact times."""
        if abs(self.change.mean_pct) < NEGLIGIBLE_PCT:
            return False
        p_value = self.change.p_value
        return p_value is None or p_value < 1 - CONFIDENCE


@dataclass(frozen=True)
class Comparison:
    """All cells that both files have, and those that only one has.

    ``paired``: run i of both met the same noise. ``geomean_pct`` is the geometric mean of the
    changes of run time.
    """

    cells: tuple[CellChange, ...]
    old_only: tuple[CellRecord, ...]
    new_only: tuple[CellRecord, ...]
    paired: bool
    noise: bool
    geomean_pct: float

    def regressions(self, above_pct: float) -> list[CellChange]:
        """Return the cells that became significantly slower, by more than ``above_pct``."""
        return [
            cell for cell in self.cells
            if cell.is_significant and cell.change.mean_pct > above_pct
        ]  # fmt: skip


def compare(old: ResultFile, new: ResultFile, *, names: tuple[str, str]) -> Comparison:
    """Compare two result files; ``names`` are what messages call them.

    Raises ConfigError with every reason why they cannot be compared.
    """
    faults = list(_disagreements(old, new, names))
    if faults:
        raise ConfigError(faults)
    paired = old.provenance.noise and old.provenance.seed == new.provenance.seed
    before = {cell.key: cell for cell in old.cells}
    after = {cell.key: cell for cell in new.cells}
    both = [key for key in before if key in after]
    if not both:
        reason = f"no cell (machine, layout, strategy) is also in {names[0]}"
        raise ConfigError.of(names[1], reason)
    cells = tuple(_change(before[key], after[key], paired=paired) for key in both)
    return Comparison(
        cells=cells,
        old_only=tuple(cell for key, cell in before.items() if key not in after),
        new_only=tuple(cell for key, cell in after.items() if key not in before),
        paired=paired,
        noise=old.provenance.noise,
        geomean_pct=_geomean_pct(cells),
    )


def _change(old: CellRecord, new: CellRecord, *, paired: bool) -> CellChange:
    return CellChange(old, new, change(new.seconds.summary, old.seconds.summary, paired=paired))


def _geomean_pct(cells: tuple[CellChange, ...]) -> float:
    from scipy.stats import gmean

    ratios = [cell.new.seconds.mean / cell.old.seconds.mean for cell in cells]
    return 100 * (float(gmean(ratios)) - 1)


def _disagreements(old: ResultFile, new: ResultFile, names: tuple[str, str]) -> Iterator[Fault]:
    if old.provenance.noise != new.provenance.noise:
        yield _fault(names, "noise", _switch(old), _switch(new))
    for key, value_of in _MUST_AGREE.items():
        before, after = (_values(file, value_of) for file in (old, new))
        if before != after:
            yield _fault(names, key, before, after)


def _fault(names: tuple[str, str], key: str, old: str, new: str) -> Fault:
    return Fault(names[1], key=key, reason=f"cannot be compared: {old} in {names[0]}", got=new)


def _switch(file: ResultFile) -> str:
    return "on" if file.provenance.noise else "off"


def _values(file: ResultFile, value_of: Callable[[CellRecord], Any]) -> str:
    values = {str(value_of(cell)) for cell in file.cells}
    return ", ".join(sorted(values))
