"""The thread's tables: one per machine, predicted and published rows beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from costmodel.results.document import ResultFile, unique
from costmodel.results.records import PublishedPoint, ResultCell
from costmodel.results.text.builds import (
    across_builds,
    build_lines,
    builds_legend,
    compilers_legend,
    in_intervals,
    same_build_lines,
    the_build,
)
from costmodel.results.text.crowd import crowd_remarks, throughput_lines
from costmodel.results.text.dearer import dearer_orders
from costmodel.results.text.layout import (
    LONGEST_LABEL,
    MODEL,
    PAIR,
    RULE,
    Line,
    Pair,
    ascii_only,
    columns_that_fit,
    paragraph,
    render,
)
from costmodel.results.text.numbers import (
    factors,
    interval_text,
    milliseconds,
    nanoseconds,
    percent,
    time_span,
)
from costmodel.settings import changed_title
from costmodel.units import LARGEST_ORDER

EMPTY: Pair = ("", "")
PUBLISHED = "  published {}"
OTHER_BUILDS = "  other builds"
MODEL_LEGEND = (
    "model, 90%: where a measurement should lie, given what is not known about the machine's "
    "numbers{builds}, and by how much predictions missed beyond that{missed} "
    "(docs/model.md#intervals)."
)
LEGEND = (
    "stdev: between the means of the runs, in percent of the baseline mean. published T..: the "
    "same case as measured by others (costmodel/published/rows.yaml names the mails)."
)
BAND_LEGEND = (
    "other builds: lowest and highest published change of the same source with another compiler "
    "or code layout."
)


def mail(results: ResultFile) -> str:
    """Return the whole report as plain ASCII, at most 76 columns wide."""
    parts = [mail_head(results)]
    for machine in results.machines:
        cells = [cell for cell in results.cells if cell.machine == machine]
        parts += _tables(cells)
        parts += _remarks(results, cells)
    parts += [paragraph(verdict, hanging="  ") for verdict in results.verdicts]
    parts.append(_legend(results.cells))
    return ascii_only("\n\n".join(part for part in parts if part)) + "\n"


def mail_head(results: ResultFile) -> str:
    """Return the title, and below it what was asked and how it was computed."""
    words = (results.workload_text, the_build(results.cells), results.origin)
    return (
        f"{paragraph(results.title or results.case)}\n{paragraph(', '.join(filter(None, words)))}"
    )


def model_legend(cells: Sequence[ResultCell]) -> str:
    """Return the sentence that says what ``model, 90%`` holds in a table of these cells."""
    return MODEL_LEGEND.format(builds=in_intervals(cells), missed=_missed(cells))


def _tables(cells: Sequence[ResultCell]) -> list[str]:
    """Return the table of one machine, in parts where its orders do not fit side by side."""
    columns = unique(cell.column for cell in cells)
    width = min(LONGEST_LABEL, max(len(line.label) for line in _table(cells, columns)))
    fit = columns_that_fit(width)
    return [
        render(_table(cells, columns[start : start + fit]), label_width=width)
        for start in range(0, len(columns), fit)
    ]


def _title(cells: Sequence[ResultCell]) -> str:
    first = cells[0]
    title = first.machine_title or first.machine
    return changed_title(title, first.machine_settings, room=LONGEST_LABEL)


def _table(cells: Sequence[ResultCell], columns: Sequence[str]) -> list[Line]:
    shown = [cell for cell in cells if cell.column in columns]
    rule = Line(cells[0].operation, tuple("-" * PAIR for _ in columns))
    lines = [
        Line(_title(cells), tuple(_heading(column, cells[0].mapped) for column in columns)),
        rule,
        Line("change of run time", tuple(("mean", "stdev") for _ in columns)),
        RULE,
    ]
    for strategy in _by_strategy(shown):
        lines.append(_line(_label(strategy[0]), strategy, columns, _change))
        lines += build_lines(strategy, columns, shown)
        if not strategy[0].is_baseline:
            lines.append(_line(MODEL, strategy, columns, _model))
        lines += _published(strategy, columns, _published_change)
        lines += _other_builds(strategy, columns)
    lines += [RULE, Line("absolute", tuple(("ms", "ns/PTE") for _ in columns)), RULE]
    for strategy in _by_strategy(shown):
        lines.append(_line(_label(strategy[0]), strategy, columns, _absolute))
        lines += same_build_lines(strategy, columns, shown)
        lines.append(_line(MODEL, strategy, columns, _model_absolute))
        lines += _published(strategy, columns, _published_seconds)
    for number, strategy in enumerate(_by_strategy(shown)):
        lines += throughput_lines(_label(strategy[0]), strategy, columns, first=not number)
    return lines


def _line(
    label: str,
    cells: Sequence[ResultCell],
    columns: Sequence[str],
    show: Callable[[ResultCell], Pair],
) -> Line:
    return _pairs(label, {cell.column: show(cell) for cell in cells}, columns)


def _pairs(label: str, pairs: Mapping[str, Pair | None], columns: Sequence[str]) -> Line:
    return Line(label, tuple(pairs.get(column) or EMPTY for column in columns))


def _published(
    cells: Sequence[ResultCell],
    columns: Sequence[str],
    show: Callable[[ResultCell, str], Pair | None],
) -> Iterator[Line]:
    """Yield one line per published table that has something to show about a strategy."""
    for table in unique(row.table for cell in cells for row in cell.published):
        pairs = {cell.column: show(cell, table) for cell in cells}
        if any(pairs.values()):
            yield _pairs(PUBLISHED.format(table), pairs, columns)


def _other_builds(cells: Sequence[ResultCell], columns: Sequence[str]) -> Iterator[Line]:
    pairs: dict[str, Pair] = {}
    for cell in cells:
        means = _band(cell)
        if means:
            same = min(means) == max(means)
            pairs[cell.column] = (
                (percent(means[0]), "") if same else interval_text(min(means), max(means))
            )
    if pairs:
        yield _pairs(OTHER_BUILDS, pairs, columns)


def _band(cell: ResultCell) -> list[float]:
    """Return the published changes in other builds; the change of the baseline to itself is left
    out.
    """
    changes = (row.change for row in cell.published if row.band)
    return [c for c in changes if c is not None and not (cell.is_baseline and c == 0)]


def _change(cell: ResultCell) -> Pair:
    return percent(cell.change_pct.mean), percent(cell.change_pct.stdev)


def _model(cell: ResultCell) -> Pair:
    interval = cell.model_interval_pct90
    return EMPTY if interval is None else interval_text(*interval)


def _absolute(cell: ResultCell) -> Pair:
    return _times(cell.seconds.mean, cell)


def _times(seconds: float, cell: ResultCell) -> Pair:
    return milliseconds(seconds), nanoseconds(seconds * 1e9 / cell.ptes)


def _model_absolute(cell: ResultCell) -> Pair:
    interval = cell.model_interval_seconds90
    return EMPTY if interval is None else time_span(*interval)


def _published_change(cell: ResultCell, table: str) -> Pair | None:
    rows = _visible(cell, table)
    for row in rows:
        if row.metric == "rel_pct":
            return percent(row.mean), "" if row.stdev is None else percent(row.stdev)
    for row in rows:
        if row.change is not None and not cell.is_baseline:
            return percent(row.change), ""
    return None


def _published_seconds(cell: ResultCell, table: str) -> Pair | None:
    seconds = (row.seconds for row in _visible(cell, table))
    return next((_times(found, cell) for found in seconds if found is not None), None)


def _visible(cell: ResultCell, table: str) -> list[PublishedPoint]:
    """Return the rows of a table that have a line: no build band, nothing printed twice."""
    shown = {(row.id, row.metric) for row in cell.published}
    return [
        row
        for row in cell.published
        if row.table == table and not row.band and (row.repeats, row.metric) not in shown
    ]


def _remarks(results: ResultFile, cells: Sequence[ResultCell]) -> list[str]:
    """Return the remarks below the table of a machine."""
    first, found = cells[0], []
    smallest = _detectable(cells)
    if smallest:
        protocol = f"{first.runs} x {first.iterations}"
        found.append(f"Smallest change that {protocol} would show here: {smallest}.")
    jumping: dict[str, list[str]] = {}
    for cell in cells:
        if cell.model_change_jumps:
            jumping.setdefault(_label(cell), []).append(cell.column)
    cliffs = [f"{label} ({', '.join(columns)})" for label, columns in jumping.items()]
    if cliffs:
        found.append(
            f"caution: within the ranges of the machine's numbers the change jumps for "
            f"{', '.join(cliffs)}: something just fits into a queue, or just does not"
        )
    found += dearer_orders(cells)
    found += across_builds(cells)
    found += crowd_remarks([cell.crowd for cell in cells if cell.crowd])
    found += results.machine_remarks.get(first.machine, [])
    found += [
        f"Left out, {left.reason}: {', '.join(left.strategies)}."
        for left in results.left_out
        if left.machine == first.machine
    ]
    return ["\n".join(paragraph(remark, hanging="  ") for remark in found)]


def _detectable(cells: Sequence[ResultCell]) -> str:
    """Return the smallest change that two series with the baseline's spread show, per column."""
    parts = []
    for cell in cells:
        limit = cell.change_pct.smallest_detectable
        if cell.is_baseline and limit is not None:
            parts.append(f"{limit:.1f}% ({cell.column})")
    return ", ".join(parts)


def _legend(cells: Sequence[ResultCell]) -> str:
    published = any(cell.published for cell in cells)
    legends = [
        model_legend(cells),
        LEGEND if published else LEGEND.split(" published", maxsplit=1)[0],
    ]
    legends += [BAND_LEGEND] if any(map(_band, cells)) else []
    legends += builds_legend(cells)
    legends += compilers_legend(cells)
    return paragraph(" ".join(legends))


def _missed(cells: Sequence[ResultCell]) -> str:
    """Return the sizes of the model's error in the intervals; empty for files without them."""
    times = [cell.model_error_seconds_pct for cell in cells]
    ratios = [cell.model_error_change_pct for cell in cells if not cell.is_baseline]
    said = []
    for sizes, what in ((times, "a time"), (ratios, "the ratio of two times")):
        known = [size for size in sizes if size is not None]
        if known:
            said.append(f"{what} by {factors(min(known), max(known))}")
    return f", up or down: {', '.join(said)}" if said else ""


def _label(cell: ResultCell) -> str:
    return f"{cell.strategy} (baseline)" if cell.is_baseline else cell.strategy


def _heading(column: str, mapped: str) -> str:
    """Return the heading of a layout in the spelling of the thread; a long mix is shortened."""
    by = mapped if column.startswith(f"order-{LARGEST_ORDER}") else "pte"
    for text in (f"{column} ({by}-map)", column, column.replace(" ", "")):
        if len(text) <= PAIR:
            return text
    return f"{column.replace(' ', '')[: PAIR - 3]}..."


def _by_strategy(cells: Sequence[ResultCell]) -> Iterator[list[ResultCell]]:
    for strategy in unique(cell.strategy for cell in cells):
        yield [cell for cell in cells if cell.strategy == strategy]
