"""Several result files beside the first one as text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from costmodel.results.compare import FileCellChange, FileComparison, by_key
from costmodel.results.records import ResultCell, ResultKey
from costmodel.results.text.comparison import (
    LABEL,
    NOTHING,
    cautions,
    comparison_legend,
    heading_of,
)
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import milliseconds, percent

MISSING = "-"
"""Printed where a file does not have the cell."""
_ABREAST = 4
"""How many files' changes fit beside each other."""


def comparisons_text(comparisons: Sequence[FileComparison], *, names: Sequence[str]) -> str:
    """Return the change of each file after the first, cell by cell, as plain ASCII text.

    ``names`` are those of all files, the first one's first.
    """
    parts = ["\n".join(f"({number}) {name}" for number, name in enumerate(names, start=1))]
    for first in range(0, len(comparisons), _ABREAST):
        parts.append("\n".join(_table(comparisons, first)))
    for name, comparison in zip(names[1:], comparisons, strict=True):
        if comparison.new_only:
            only = "; ".join(f"{c.machine} {c.column} {c.strategy}" for c in comparison.new_only)
            parts.append(paragraph(f"Not in {names[0]} but in {name}: {only}.", hanging="  "))
        parts += [paragraph(f"{name}: {text}", hanging="  ") for text in cautions(comparison)]
    legend = comparison_legend(*comparisons)
    parts.append(paragraph(f"Changes are against (1). {legend} {MISSING}: not in that file."))
    return ascii_only("\n\n".join(parts)) + "\n"


def _table(comparisons: Sequence[FileComparison], first: int) -> Iterator[str]:
    shown = comparisons[first : first + _ABREAST]
    heads = "".join(f"{f'({first + n})':>10}" for n in range(2, len(shown) + 2))
    yield f"{'':{LABEL}}{'(1) ms':>10}{heads}"
    found = [by_key(comparison) for comparison in shown]
    place = ""
    for cell in first_cells(comparisons):
        if heading_of(cell) != place:
            place = heading_of(cell)
            yield place
        changes = "".join(f"{_shown(cells.get(cell.key)):>10}" for cells in found)
        name = shorten(cell.strategy, LABEL - 2)
        yield f"  {name:<{LABEL - 2}}{milliseconds(cell.seconds.mean):>10}{changes}"
    totals = "".join(f"{percent(comparison.geomean_pct):>10}" for comparison in shown)
    yield f"{'geometric mean':<{LABEL + 10}}{totals}"


def first_cells(comparisons: Sequence[FileComparison]) -> list[ResultCell]:
    """Return the cells of the first file that at least one other file has, in the first's order."""
    wanted: set[ResultKey] = {change.old.key for each in comparisons for change in each.cells}
    everything = [change.old for change in comparisons[0].cells] + [*comparisons[0].old_only]
    order = {cell.key: cell for cell in everything if cell.key in wanted}
    places = list(dict.fromkeys(cell.place for cell in order.values()))
    return sorted(order.values(), key=lambda cell: places.index(cell.place))


def _shown(change: FileCellChange | None) -> str:
    if change is None:
        return MISSING
    return percent(change.change.mean_pct) if change.is_significant else NOTHING
