"""What a sweep found, in a few lines: the range of changes of each strategy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from costmodel.arrays import Floats
from costmodel.checking.verdict import verdicts_of
from costmodel.remarks import remarks_of
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import percent
from costmodel.settings import what
from costmodel.sweeps.axes import OWN
from costmodel.sweeps.folder import CELLS, STUDY, SweepFolder
from costmodel.sweeps.study import SweepStudy

_LABEL = 36
_NAMED = 4
"""More numbers over their own ranges are counted, not named."""
_SAME_PCT = 0.05
"""A smaller change prints as none."""

_Row = tuple[str, str, str]
"""Machine, folio layout, strategy."""
_Changes = dict[_Row, Floats]
"""Change of run time in percent at every point, float64[points], by row."""


def sweep_text(study: SweepStudy, folder: SweepFolder, *, already: int = 0) -> str:
    """Return title, axes and the changes of each strategy over all points, as plain text.

    ``already`` is how many cells were there before.
    """
    document = folder.document
    changes = _changes(folder)
    parts = [f"{paragraph(document['title'])}\n{paragraph(_question(study))}"]
    parts.append("\n".join(_axes(document["over"])))
    for machine in dict.fromkeys(row[0] for row in changes):
        parts += [_table(machine, changes), *_of_machine(study, machine)]
    parts += [paragraph(said, hanging="  ") for said in _verdicts(study)]
    parts += list(_remarks(folder, changes, already))
    return ascii_only("\n\n".join(parts)) + "\n"


def _question(study: SweepStudy) -> str:
    """Return what is asked, without what varies: ``fork, 1 GiB, writable``."""
    cell = study.blocks[0].cells[0]
    build = f", build {study.scenario.build}" if study.scenario.build else ""
    return what(cell.workload, *(axis.key for axis in study.keys)) + build


def _of_machine(study: SweepStudy, machine: str) -> Iterator[str]:
    """Yield what must be said below the table of a machine, if anything."""
    cells = next(block.cells for block in study.blocks if block.machine.name == machine)
    left_out = [
        f"Left out, {left.reason}: {', '.join(left.strategies)}."
        for left in study.left_out
        if left.machine == machine
    ]
    found = [*remarks_of(cells), *left_out]
    if found:
        yield "\n".join(paragraph(remark, hanging="  ") for remark in found)


def _verdicts(study: SweepStudy) -> list[str]:
    return verdicts_of(cell for block in study.blocks for cell in block.cells)


def _changes(folder: SweepFolder) -> _Changes:
    """Return the changes; the build of a row is named where it is not that of the baseline's row.

    Each change counts from the baseline in the row's own build. Axes that are keys of the scenario
    can make another build the one with the median change: a row is then of several.
    """
    found: dict[_Row, list[Floats]] = defaultdict(list)
    names: dict[_Row, dict[str, None]] = defaultdict(dict)
    for table in folder.tables(["machine", "folio_layout", "strategy", "build", "change_pct"]):
        own = table["build"][0]  # of the baseline, which comes first
        rows = list(zip(table["machine"], table["folio_layout"], table["strategy"], strict=True))
        for row, build in dict.fromkeys(zip(rows, table["build"], strict=True)):
            named = row[2] if build == own or row[2].endswith(f"@{build}") else f"{row[2]}@{build}"
            names[row][named] = None
        for row in dict.fromkeys(rows):
            mine = np.fromiter((each == row for each in rows), bool, len(rows))
            found[row].append(table["change_pct"][mine])
    return {
        (*row[:2], next(iter(names[row])) if len(names[row]) == 1 else f"{row[2]}, builds vary"): (
            np.concatenate(parts)
        )
        for row, parts in found.items()
    }


def _axes(over: dict[str, str]) -> Iterator[str]:
    own = [key for key, text in over.items() if text == OWN]
    for key, text in over.items():
        if len(own) <= _NAMED or text != OWN:
            yield paragraph(f"over {key}: {text}", hanging="  ")
    if len(own) > _NAMED:
        yield f"over {len(own)} numbers, each from low to high of its machine file ({STUDY})"


def _table(machine: str, changes: _Changes) -> str:
    head = f"{'change of run time':<{_LABEL}}{'lowest':>9}{'median':>9}{'highest':>9}{'slower':>9}"
    lines = [machine, head]
    layout = ""
    for (name, where, strategy), all_values in changes.items():
        values = all_values[np.isfinite(all_values)]
        if name != machine or not len(values):
            continue
        if where != layout:  # its first row is the baseline
            layout = where
            lines.append(f"{where}, against {strategy}")
            continue
        ends = [percent(float(value)) for value in np.quantile(values, (0, 0.5, 1))]
        slower = f"{100 * np.mean(values > _SAME_PCT):.0f}%"
        label = "  " + shorten(strategy, _LABEL - 3)
        lines.append(f"{label:<{_LABEL}}" + "".join(f"{text:>9}" for text in (*ends, slower)))
    return "\n".join(lines)


def _remarks(
    folder: SweepFolder,
    changes: _Changes,
    already: int,
) -> Iterator[str]:
    document = folder.document
    cells = sum(len(values) for values in changes.values())
    empty = sum(int(np.isnan(values).sum()) for values in changes.values())
    before = f", {already:,} of them from before" if already else ""
    yield paragraph(
        f"{_count(document['points'], 'point')}, {_count(cells, 'cell')}{before}, without noise, "
        f"costmodel {document['version']}; in {folder.path / CELLS}."
    )
    if empty:
        yield paragraph(
            f"No time for {_count(empty, 'cell')}: numbers contradict each other there, such as an "
            "L2 that is slower than the last-level cache."
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
