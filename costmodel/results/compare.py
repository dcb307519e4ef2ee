"""Compares two result files cell by cell, or says why they cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from costmodel.config.errors import ConfigError, Fault
from costmodel.results.document import ResultFile
from costmodel.results.records import ResultCell, ResultKey
from costmodel.statistics import CONFIDENCE, Change, change

NEGLIGIBLE_PCT: Final = 0.01
"""Changes below this count as none: the time resolution of the core model is about as coarse."""

_MUST_AGREE: Final = (
    "operation", "memory_bytes", "state", "frames", "frames_over_bytes", "mapped", "holes", "vmas",
    "contpte", "runs", "iterations",
)  # fmt: skip


@dataclass(frozen=True)
class FileCellChange:
    """The change of one cell from the old file to the new one, in percent of the old time."""

    old: ResultCell
    new: ResultCell
    change: Change

    @property
    def is_significant(self) -> bool:
        """Whether the change is more than noise: p is below 5 %, or the times are exact.

        A change below ``NEGLIGIBLE_PCT`` never is.
        """
        if abs(self.change.mean_pct) < NEGLIGIBLE_PCT:
            return False
        p_value = self.change.p_value
        return p_value is None or p_value < 1 - CONFIDENCE


@dataclass(frozen=True)
class FileComparison:
    """The cells that both files have, with their changes, and those that only one has.

    ``paired``: run i of both met the same noise. ``noise``: whether the times are of simulated
    runs, else they are exact. ``geomean_pct`` is the geometric mean of the changes in percent.
    """

    cells: tuple[FileCellChange, ...]
    old_only: tuple[ResultCell, ...]
    new_only: tuple[ResultCell, ...]
    paired: bool
    noise: bool
    geomean_pct: float

    def regressions(self, above_pct: float) -> list[FileCellChange]:
        """Return the cells that became significantly slower, by more than ``above_pct``."""
        return [
            cell for cell in self.cells
            if cell.is_significant and cell.change.mean_pct > above_pct
        ]  # fmt: skip


def compare_files(old: ResultFile, new: ResultFile, *, names: tuple[str, str]) -> FileComparison:
    """Compare two result files cell by cell; ``names`` are what messages call them.

    Raises ConfigError with every reason why they cannot be compared: other workloads, noise in one
    of them only, or no cell in common.
    """
    faults = list(_disagreements(old, new, names))
    if faults:
        raise ConfigError(faults)
    paired = old.provenance.noise and old.provenance.seed == new.provenance.seed
    before = {cell.key: cell for cell in old.cells}
    after = {cell.key: cell for cell in new.cells}
    both = [key for key in before if key in after]
    if not both:
        reason = f"no cell (machine, layout, CPUs, strategy) is also in {names[0]}"
        raise ConfigError.of(names[1], reason)
    cells = tuple(_change(before[key], after[key], paired=paired) for key in both)
    return FileComparison(
        cells=cells,
        old_only=tuple(cell for key, cell in before.items() if key not in after),
        new_only=tuple(cell for key, cell in after.items() if key not in before),
        paired=paired,
        noise=old.provenance.noise,
        geomean_pct=_geomean_pct(cells),
    )


def by_key(comparison: FileComparison) -> dict[ResultKey, FileCellChange]:
    """Return the changes of a comparison by the key of their cells."""
    return {cell.old.key: cell for cell in comparison.cells}


def _change(old: ResultCell, new: ResultCell, *, paired: bool) -> FileCellChange:
    return FileCellChange(old, new, change(new.seconds.summary, old.seconds.summary, paired=paired))


def _geomean_pct(cells: tuple[FileCellChange, ...]) -> float:
    from scipy.stats import gmean

    ratios = [cell.new.seconds.mean / cell.old.seconds.mean for cell in cells]
    return 100 * (float(gmean(ratios)) - 1)


def _disagreements(old: ResultFile, new: ResultFile, names: tuple[str, str]) -> Iterator[Fault]:
    if old.provenance.noise != new.provenance.noise:
        yield _fault(names, "noise", _switch(old), _switch(new))
    for key in _MUST_AGREE:
        before, after = (getattr(file.first, key) for file in (old, new))
        if before != after:
            yield _fault(names, key, str(before), str(after))


def _fault(names: tuple[str, str], key: str, old: str, new: str) -> Fault:
    return Fault(names[1], key=key, reason=f"cannot be compared: {old} in {names[0]}", got=new)


def _switch(file: ResultFile) -> str:
    return "on" if file.provenance.noise else "off"
