"""What a page shows of one machine and folio layout: rows of text with a bar each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.results.document import ResultFile, column_title
from costmodel.results.page.bars import Bar, Scale, cell_bar, shown_changes
from costmodel.results.records import ResultCell
from costmodel.results.text.numbers import interval_text, milliseconds, nanoseconds, percent


@dataclass(frozen=True)
class TableEntry:
    """One entry of a table: its text, and the number that it is sorted by, if it has one."""

    text: str
    key: float | None = None


@dataclass(frozen=True)
class ChangeRow:
    """One strategy: its name, its bar and the other entries."""

    strategy: str
    is_baseline: bool
    is_marked: bool
    bar: Bar
    cells: tuple[TableEntry, ...]


@dataclass(frozen=True)
class ChangeTable:
    """The strategies on one machine and folio layout."""

    title: str
    layout: str
    columns: tuple[str, ...]
    scale: Scale
    rows: tuple[ChangeRow, ...]


def tables_of(results: ResultFile, machine: str) -> list[ChangeTable]:
    """Return the tables of a machine, one per folio layout."""
    found = (results.panel(machine, layout) for layout in results.columns)
    return [_table(cells) for cells in found if cells]


def _table(cells: Sequence[ResultCell]) -> ChangeTable:
    scale = Scale.of(change for cell in cells for change in shown_changes(cell))
    columns = {
        "change": [TableEntry(percent(c.change_pct.mean), c.change_pct.mean) for c in cells],
        "stdev": [_stdev(cell) for cell in cells],
        "model, 90%": [_interval(cell) for cell in cells],
        "builds": [_builds(cell) for cell in cells],
        "published": [_published(cell) for cell in cells],
        "ms": [TableEntry(milliseconds(c.seconds.mean), c.seconds.mean) for c in cells],
        "ns/PTE": [_ns(cell) for cell in cells],
    }
    kept = {name: column for name, column in columns.items() if any(c.text for c in column)}
    rows = (
        ChangeRow(cell.strategy, cell.is_baseline, bool(cell.remarks), cell_bar(cell, scale), texts)
        for cell, texts in zip(cells, zip(*kept.values(), strict=True), strict=True)
    )
    return ChangeTable(
        column_title(cells[0].column), cells[0].column, tuple(kept), scale, tuple(rows)
    )


def _range_text(low: float, high: float) -> str:
    """Return a range that a narrow page breaks into two lines, not three."""
    return interval_text(low, high).replace(" ..", "\N{NO-BREAK SPACE}..")


def _stdev(cell: ResultCell) -> TableEntry:
    stdev = cell.change_pct.stdev
    return TableEntry("") if stdev is None else TableEntry(percent(stdev), stdev)


def _interval(cell: ResultCell) -> TableEntry:
    model = cell.model_interval_pct90
    return (
        TableEntry("")
        if model is None or cell.is_baseline
        else TableEntry(_range_text(*model), model[0])
    )


def _builds(cell: ResultCell) -> TableEntry:
    found = cell.build_range
    if found is None or cell.is_baseline:
        return TableEntry("")
    return TableEntry(_range_text(found.low_pct, found.high_pct), found.low_pct)


def _published(cell: ResultCell) -> TableEntry:
    points = [
        (point.change, point.table)
        for point in cell.measurements
        if point.change is not None and not point.band and not cell.is_baseline
    ]
    text = ", ".join(f"{percent(change)} {table}" for change, table in points)
    return TableEntry(text, points[0][0]) if points else TableEntry("")


def _ns(cell: ResultCell) -> TableEntry:
    ns = cell.seconds.mean * 1e9 / cell.ptes
    return TableEntry(nanoseconds(ns), ns)


def fastest(cells: Sequence[ResultCell]) -> ResultCell | None:
    """Return the cell of the fastest strategy that has no remark; None where every one has."""
    sound = [cell for cell in cells if not cell.is_baseline and not cell.remarks]
    return min(sound, key=lambda cell: cell.change_pct.mean, default=None)


def _verdict(cell: ResultCell) -> str:
    """Return ``faster`` or ``slower`` where the whole interval says so, else an empty text."""
    low, high = cell.model_interval_pct90 or (cell.change_pct.mean, cell.change_pct.mean)
    return "faster" if high < 0 else "slower" if low > 0 else ""


def fastest_by_place(results: ResultFile) -> list[dict[str, Any]]:
    """Return which strategy is the fastest on each machine and layout, and by how much."""
    found = []
    for machine in results.machines:
        for layout in results.columns:
            best = fastest(results.panel(machine, layout))
            if best is None:
                continue
            model = best.model_interval_pct90
            found.append(
                {
                    "machine": best.machine_title or machine,
                    "layout": column_title(layout),
                    "strategy": best.strategy,
                    "change": percent(best.change_pct.mean),
                    "interval": "" if model is None else _range_text(*model),
                    "verdict": _verdict(best),
                }
            )
    return found
