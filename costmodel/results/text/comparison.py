"""A comparison of two result files as text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from costmodel.results.compare import NEGLIGIBLE_PCT, FileCellChange, FileComparison
from costmodel.results.document import unique
from costmodel.results.records import ResultCell
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import milliseconds, percent

LABEL = 25
"""Width in characters of the column with the names of strategies or places."""
_SMALLEST_P = 0.001
NOTHING = "~"
"""Printed instead of a change that is not significant."""


def comparison_text(comparison: FileComparison, *, names: tuple[str, str]) -> str:
    """Return the comparison as plain ASCII text."""
    parts = [f"old: {names[0]}\nnew: {names[1]}", _table(comparison)]
    for name, cells in zip(names, (comparison.old_only, comparison.new_only), strict=True):
        if cells:
            only = "; ".join(f"{c.machine} {c.column} {c.strategy}" for c in cells)
            parts.append(paragraph(f"Only in {name}: {only}.", hanging="  "))
    parts += [paragraph(text, hanging="  ") for text in cautions(comparison)]
    parts.append(paragraph(comparison_legend(comparison)))
    return ascii_only("\n\n".join(parts)) + "\n"


def _table(comparison: FileComparison) -> str:
    head = f"{'old ms':>10}{'new ms':>10}{'change':>9}{'95% interval':>15}{'p':>7}"
    lines = [f"{'':{LABEL}}{head}"]
    for place, cells in _byplace_of(comparison.cells):
        lines.append(place)
        lines += [_line(cell) for cell in cells]
    total = percent(comparison.geomean_pct)
    lines.append(f"{'geometric mean':<{LABEL + 20}}{total:>9}")
    return "\n".join(lines)


def _byplace_of(cells: Sequence[FileCellChange]) -> Iterator[tuple[str, list[FileCellChange]]]:
    places: dict[str, list[FileCellChange]] = {}
    for cell in cells:
        places.setdefault(heading_of(cell.new), []).append(cell)
    yield from places.items()


def heading_of(cell: ResultCell) -> str:
    """Return the heading of a group of cells: their machine and folio layout."""
    return shorten(f"{cell.machine}, {cell.column}", 2 * LABEL)


def _line(cell: FileCellChange) -> str:
    change = cell.change
    shown = percent(change.mean_pct) if cell.is_significant else NOTHING
    interval = "" if change.ci95_pct is None else _interval(*change.ci95_pct)
    p_value = "exact" if change.p_value is None else _probability(change.p_value)
    return (
        f"  {shorten(cell.new.strategy, LABEL - 2):<{LABEL - 2}}"
        f"{milliseconds(cell.old.seconds.mean):>10}{milliseconds(cell.new.seconds.mean):>10}"
        f"{shown:>9}{interval:>15}{p_value:>7}"
    )


def cautions(comparison: FileComparison) -> Iterator[str]:
    """Yield the differences between the files other than times: builds and settings of cells."""
    yield from _other_builds(comparison)
    yield from _other_settings(comparison)


def _other_settings(comparison: FileComparison) -> Iterator[str]:
    both = [(cell.old, cell.new) for cell in comparison.cells]
    # Files of before do not say all of them.
    pairs = [(o.said, n.said) for o, n in both if o.says_settings and n.says_settings]
    said = {
        "old": unique(text for old, new in pairs for text in old if text not in new),
        "new": unique(text for old, new in pairs for text in new if text not in old),
    }
    found = [f"{', '.join(texts)} in the {which} file" for which, texts in said.items() if texts]
    if found:
        yield f"caution: other settings, which are part of the change: {'; '.join(found)}."


def _other_builds(comparison: FileComparison) -> Iterator[str]:
    found = [
        f"{cell.new.machine} {cell.new.column} {cell.new.strategy} ({cell.old.build}, then "
        f"{cell.new.build})"
        for cell in comparison.cells
        if None not in (cell.old.build, cell.new.build) and cell.old.build != cell.new.build
    ]
    if found:
        which = "; ".join(found)
        yield f"caution: another build in the new file, which is part of the change: {which}."


def _probability(p_value: float) -> str:
    return "<0.001" if p_value < _SMALLEST_P else f"{p_value:.3f}"


def _interval(low: float, high: float) -> str:
    return f"{low:+.1f}..{high:+.1f}%"


def comparison_legend(*comparisons: FileComparison) -> str:
    """Return the legend: which statistical tests were made, and what the signs mean.

    Tables of several comparisons have no columns for p and intervals.
    """
    if not comparisons[0].noise:
        return (
            f"Exact times, without noise. {NOTHING}: less than {NEGLIGIBLE_PCT:g}%, below the "
            "model's own resolution."
        )
    paired = {comparison.paired for comparison in comparisons}
    test = "paired t (the same seed: both met the same noise)" if True in paired else "Welch's t"
    if len(paired) > 1:
        test = "paired t for files of the same seed (both met the same noise), else Welch's t"
    nothing = f"{NOTHING}: not significant at 5%, or less than {NEGLIGIBLE_PCT:g}%."
    if len(comparisons) > 1:
        return (
            f"Tested by {test}, over run means. {nothing} Noise is tested, not the model's error."
        )
    return (
        f"p and interval: {test}, over run means. {nothing} The intervals cover noise, not the "
        "model's own error."
    )
