"""What a sweep says of one of its numbers: the change of run time along it, by strategy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.arrays import Floats
from costmodel.sweeps.folder import SweepFolder

ENDS = (0.05, 0.5, 0.95)
"""Quantiles of the points at one value: both ends of the band, and the line."""
_MOST_VALUES = 40
"""More values of a number than these are put together in bins."""
_BINS = 16
_LEAST_OF_BIN = 8
_NO_AXES = {
    "point", "machine", "folio_layout", "strategy", "build", "seconds",
    "baseline_seconds", "ns_per_pte", "change_pct",
}  # fmt: skip
"""Columns that every sweep has."""


@dataclass(frozen=True)
class Curve:
    """A strategy on one machine and layout: ``x`` float64[n], ``change_pct`` float64[n].

    ``words`` are the values of other axes that have no numbers, if they are told apart.
    """

    machine: str
    layout: str
    strategy: str
    x: Floats
    change_pct: Floats
    words: tuple[str, ...] = ()

    def quantiles(self) -> tuple[Floats, Floats]:
        """Return values of the number and the change at them, float64[m] and float64[m, 3].

        The three changes, in percent, are the quantiles :data:`ENDS` of all points at that value.
        Where a number has many values, neighbouring points are put together, and the value is their
        median.
        """
        values = np.unique(self.x)
        if len(values) > _MOST_VALUES:
            count = min(_BINS, max(1, len(self.x) // _LEAST_OF_BIN))
            parts = np.array_split(np.argsort(self.x, kind="stable"), count)
        else:
            parts = [np.flatnonzero(self.x == value) for value in values]
        at = [float(np.median(self.x[part])) for part in parts]
        found = [np.quantile(self.change_pct[part], ENDS) for part in parts]
        return np.array(at), np.array(found)


def varied_numbers(folder: SweepFolder) -> list[str]:
    """Return the keys along which a sweep has more than one number.

    Raises ConfigError for a chunk that is damaged.
    """
    found = []
    for key in _axes(folder):
        parts = [table[key] for table in folder.tables([key])]
        if parts and parts[0].dtype.kind in "iuf":
            values = np.concatenate(parts).astype(np.float64)
            if len(np.unique(values[np.isfinite(values)])) > 1:
                found.append(key)
    return found


def varied_words(folder: SweepFolder) -> dict[str, list[str]]:
    """Return the keys along which a sweep has more than one value that is no number.

    These are words, sizes and truth values; each key is mapped to all its values as text. Raises
    ConfigError for a chunk that is damaged.
    """
    found = {}
    for key in _axes(folder):
        parts = [table[key] for table in folder.tables([key])]
        if any(part.dtype.kind not in "iuf" for part in parts):
            values = dict.fromkeys(_word(value) for part in parts for value in part.tolist())
            if len(values) > 1:
                found[key] = [value for value in values if value]
    return found


def curves_along(folder: SweepFolder, key: str, by: Collection[str] = ()) -> Iterator[Curve]:
    """Yield the change of run time along the number ``key``, a curve for each strategy.

    The baseline has none. There is a curve for each machine, folio layout, and combination of the
    values that the keys ``by`` have. Points without a number or without a time are left out. Raises
    ConfigError for a chunk that is damaged.
    """
    names = ("machine", "folio_layout", "strategy", *by)
    parts = list(folder.tables([*names, key, "change_pct"]))
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    x, change = table[key].astype(np.float64), table["change_pct"]
    known = np.isfinite(x) & np.isfinite(change)
    rows: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(
        zip(*(map(_word, table[name].tolist()) for name in names), strict=True)
    ):
        rows.setdefault(row, []).append(at)
    for (machine, layout, strategy, *values), places in rows.items():
        mine = np.array(places)[known[places]]
        if len(mine) and strategy != folder.document["scenario"]["baseline"]:
            words = tuple(map(_told, by, values))
            yield Curve(machine, layout, strategy, x[mine], change[mine], words)


def followed(curves: Sequence[Curve]) -> float:
    """Return how closely the changes follow a number, from 0 (not at all) to 1.

    It is the mean square of Spearman's rank correlation, over the curves in which both vary; 0
    where there is no such curve.
    """
    from scipy.stats import spearmanr

    found = [
        float(spearmanr(one.x, one.change_pct).statistic) ** 2
        for one in curves
        if np.ptp(one.x) > 0 and np.ptp(one.change_pct) > 0
    ]
    return float(np.mean(found)) if found else 0.0


def _axes(folder: SweepFolder) -> list[str]:
    """Return which columns of the rows are axes: of ``uncertain``, all that it stands for."""
    return [name for name in next(iter(folder.tables()), {}) if name not in _NO_AXES]


def _word(value: object) -> str:
    """Return a value as a study has it; empty where a machine has none."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(key: str, word: str) -> str:
    """Return a word as a legend has it: a truth value says what is true."""
    return f"{key.rpartition('.')[2]}={word}" if word in ("true", "false") else word
