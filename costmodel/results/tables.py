"""Results as CSV for programs and spreadsheets, and as Markdown for web pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from costmodel.results.compare import NEGLIGIBLE_PCT, FileCellChange, FileComparison, by_key
from costmodel.results.document import ResultFile, column_title
from costmodel.results.records import ResultCell
from costmodel.results.text.comparison import cautions
from costmodel.results.text.comparisons import first_cells
from costmodel.results.text.numbers import interval_text, milliseconds, nanoseconds, percent

Flat = dict[str, Any]
"""One line of a CSV file: column to value; None is an empty field."""


def results_csv(results: ResultFile) -> str:
    """Return CSV with one line per cell and all digits; names of columns contain the units."""
    made = results.provenance
    origin = {"seed": made.seed, "noise": made.noise, "version": made.version}
    return _csv([_flat(cell) | origin for cell in results.cells])


def comparison_csv(comparisons: Sequence[FileComparison], *, names: Sequence[str]) -> str:
    """Return CSV with one line for each cell that the first file and another one have.

    ``comparisons`` are those of the first file with each other one. ``names`` are the names of all
    files, the first one's first.
    """
    return _csv(
        [
            _flat_change(cell)
            | {"old_file": names[0], "new_file": name}
            | {"cpus": cell.new.cpus, "threads": cell.new.threads}
            for name, comparison in zip(names[1:], comparisons, strict=True)
            for cell in comparison.cells
        ]
    )


def results_markdown(results: ResultFile) -> str:
    """Return Markdown with one table for each machine, folio layout and number of CPUs."""
    parts = [f"**{_escaped(results.case)}**, {results.origin}"]
    for machine in results.machines:
        for column in results.columns:
            cells = results.panel(machine, column)
            if cells:
                title = f"{results.machine_title(machine)}, {column_title(column)}"
                parts.append(f"### {_escaped(title)}\n\n{_markdown(map(_shown, cells))}")
    parts += map(_escaped, results.notes)
    return "\n\n".join(parts) + "\n"


def comparison_markdown(comparison: FileComparison, *, names: tuple[str, str]) -> str:
    """Return Markdown: a table of the cells that both files have, and a list of all others."""
    parts = [f"old: {_escaped(names[0])}, new: {_escaped(names[1])}"]
    parts.append(_markdown(map(_shown_change, comparison.cells)))
    parts.append(f"Geometric mean of the changes: {percent(comparison.geomean_pct)}.")
    for name, cells in zip(names, (comparison.old_only, comparison.new_only), strict=True):
        if cells:
            only = "; ".join(f"{c.machine} {c.column} {c.strategy}" for c in cells)
            parts.append(f"Only in {_escaped(name)}: {_escaped(only)}.")
    parts += map(_escaped, cautions(comparison))
    parts.append(f"`~`: not significant at 5 %, or less than {NEGLIGIBLE_PCT:g} %.")
    return "\n\n".join(parts) + "\n"


def comparisons_markdown(comparisons: Sequence[FileComparison], *, names: Sequence[str]) -> str:
    """Return Markdown: one table with a column of changes for each file after the first.

    Arguments are those of :func:`comparison_csv`.
    """
    changes = [by_key(comparison) for comparison in comparisons]
    rows = [
        {
            "machine": cell.machine,
            "folios": cell.column,
            "strategy": cell.strategy,
            "(1) ms": milliseconds(cell.seconds.mean),
            **{
                f"({number})": _significant(cells[cell.key]) if cell.key in cells else ""
                for number, cells in enumerate(changes, start=2)
            },
        }
        for cell in first_cells(comparisons)
    ]
    files = "  \n".join(f"({n}) {_escaped(name)}" for n, name in enumerate(names, start=1))
    means = ", ".join(
        f"({n}) {percent(comparison.geomean_pct)}"
        for n, comparison in enumerate(comparisons, start=2)
    )
    sign = f"`~`: not significant at 5 %, or less than {NEGLIGIBLE_PCT:g} %."
    found = [
        _escaped(f"{name}: {text}")
        for name, comparison in zip(names[1:], comparisons, strict=True)
        for text in cautions(comparison)
    ]
    parts = [files, _markdown(rows), f"Geometric means: {means}.", *found, sign]
    return "\n\n".join(parts) + "\n"


def _flat(cell: ResultCell) -> Flat:
    times, change = cell.seconds, cell.change_pct
    return {
        "machine": cell.machine, "operation": cell.operation, "memory_bytes": cell.memory_bytes,
        "folio_layout": cell.layout, "frames": cell.frames, "state": cell.state,
        "contpte": cell.contpte, "cpus": cell.cpus, "threads": cell.threads,
        "throughput_per_s": cell.operations_per_s,
        **_ends("throughput", "per_s90", cell.model_interval_throughput_per_s90),
        "settings": "; ".join(cell.said),
        "strategy": cell.strategy, "baseline": cell.baseline, "ptes": cell.ptes,
        "ns_per_pte": cell.ns_per_pte, "mean_s": times.mean,
        "stdev_between_runs_s": times.stdev_between_runs, "change_pct": change.mean,
        "change_stdev_pct": change.stdev, **_ends("change", "pct95", change.ci95),
        "p_value": change.p_value, **_ends("model", "pct90", cell.model_interval_pct90),
        "published": "; ".join(f"{p.id} {p.mean:g} {p.metric}" for p in cell.measurements),
        "remarks": " ".join(cell.remarks), "runs": cell.runs, "iterations": cell.iterations,
    }  # fmt: skip


def _flat_change(cell: FileCellChange) -> Flat:
    new, change = cell.new, cell.change
    return {
        "machine": new.machine, "folio_layout": new.layout, "strategy": new.strategy,
        "old_s": cell.old.seconds.mean, "new_s": new.seconds.mean, "change_pct": change.mean_pct,
        **_ends("change", "pct95", change.ci95_pct), "p_value": change.p_value,
        "significant": cell.is_significant,
    }  # fmt: skip


def _ends(name: str, unit: str, interval: tuple[float, float] | None) -> Flat:
    low, high = interval or (None, None)
    return {f"{name}_low_{unit}": low, f"{name}_high_{unit}": high}


def _shown(cell: ResultCell) -> Mapping[str, str]:
    seconds, model = cell.seconds.mean, cell.model_interval_pct90
    published = (
        f"{percent(p.change)} ({p.table})"
        for p in cell.measurements
        if p.change is not None and not p.band
    )
    return {
        "strategy": f"{cell.marked} (baseline)" if cell.is_baseline else cell.marked,
        "change": percent(cell.change_pct.mean),
        "stdev": percent(cell.change_pct.stdev),
        "model, 90 %": "" if model is None or cell.is_baseline else interval_text(*model),
        "published": ", ".join(published),
        "ms": milliseconds(seconds),
        "ns/PTE": nanoseconds(seconds * 1e9 / cell.ptes),
    }


def _shown_change(cell: FileCellChange) -> Mapping[str, str]:
    change, new = cell.change, cell.new
    interval, p_value = change.ci95_pct, change.p_value
    return {
        "machine": new.machine,
        "folios": new.column,
        "strategy": new.strategy,
        "old ms": milliseconds(cell.old.seconds.mean),
        "new ms": milliseconds(new.seconds.mean),
        "change": _significant(cell),
        "95 % interval": "" if interval is None else interval_text(*interval),
        "p": "exact" if p_value is None else f"{p_value:.3f}",
    }


def _significant(cell: FileCellChange) -> str:
    return percent(cell.change.mean_pct) if cell.is_significant else "~"


def _csv(rows: Sequence[Flat]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _field(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _field(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _markdown(rows: Iterable[Mapping[str, str]]) -> str:
    """Return a Markdown table in which words are aligned left and numbers right."""
    listed = list(rows)
    columns = list(listed[0])
    words = {"machine", "folios", "strategy", "published"}
    lines = [columns, ["---" if name in words else "--:" for name in columns]]
    lines += [[_escaped(row[name]) for name in columns] for row in listed]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    """Return text in which Markdown's own characters are escaped."""
    return "".join(f"\\{c}" if c in "\\|*_<`[" else c for c in text)
