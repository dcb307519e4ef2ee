"""The thread's tables: one per machine, predicted and published rows beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from costmodel.experiment import Comparison, LeftOut
from costmodel.published import Metric, Role, Row
from costmodel.published.rows import implied_change_pct
from costmodel.results.text.builds import (
    across,
    build_lines,
    builds_legend,
    in_intervals,
    same_build_lines,
    the_build,
)
from costmodel.results.text.layout import (
    LONGEST_LABEL,
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
    interval_text,
    milliseconds,
    nanoseconds,
    percent,
    time_span,
)
from costmodel.results.text.remarks import remarks
from costmodel.settings import Setting, title, what

EMPTY: Pair = ("", "")
PUBLISHED = "  published {}"
OTHER_BUILDS = "  other builds"
MODEL = "  model, 90%"
MODEL_LEGEND = (
    "model, 90%: where a measurement should lie, given what is not known about the machine's "
    "numbers{builds}. A mechanism that the model lacks is not in it (docs/accuracy.md says how "
    "often it held)."
)
LEGEND = (
    "stdev: between the means of the runs, in percent of the baseline mean. published T..: the "
    "same case as measured by others (costmodel/published/rows.yaml names the mails)."
)
BAND_LEGEND = (
    "other builds: lowest and highest published change of the same source with another compiler "
    "or code layout."
)


def mail(
    comparisons: Sequence[Comparison],
    *,
    title: str,
    version: str,
    left_out: Sequence[LeftOut] = (),
    idle: Mapping[str, Sequence[Setting]] | None = None,
    verdicts: Sequence[str] = (),
) -> str:
    """Return the whole report as plain ASCII, at most 76 columns wide.

    ``left_out`` names what was asked for and cannot run, each with its reason; ``idle`` are the
    settings that change nothing, by machine name; ``verdicts`` say which strategies are broken, or
    not priced for what they do.
    """
    parts = [_head(comparisons, title, version)]
    for machine in _unique(c.result.cell.machine.name for c in comparisons):
        mine = [c for c in comparisons if c.result.cell.machine.name == machine]
        parts += _tables(mine)
        left = [left for left in left_out if left.machine == machine]
        parts += _remarks(mine, left, (idle or {}).get(machine, ()))
    parts += [paragraph(verdict, hanging="  ") for verdict in verdicts]
    parts.append(_legend(comparisons))
    return ascii_only("\n\n".join(part for part in parts if part)) + "\n"


def _head(comparisons: Sequence[Comparison], title: str, version: str) -> str:
    cell = comparisons[0].result.cell
    workload, protocol = cell.workload, cell.protocol
    exact = comparisons[0].result.samples_ps is None
    how = (
        "without noise"
        if exact
        else f"{protocol.runs} runs x {protocol.iterations} iterations, seed {protocol.seed}"
    )
    words = [what(workload), the_build(comparisons), how, f"costmodel {version}"]
    return f"{paragraph(title)}\n{paragraph(', '.join(filter(None, words)))}"


def _tables(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the table of one machine, in parts where its orders do not fit side by side."""
    columns = _unique(_column(c) for c in comparisons)
    width = min(LONGEST_LABEL, max(len(label) for label in _labels(comparisons)))
    fit = columns_that_fit(width)
    return [
        render(_table(comparisons, columns[start : start + fit]), label_width=width)
        for start in range(0, len(columns), fit)
    ]


def _labels(comparisons: Sequence[Comparison]) -> Iterator[str]:
    yield _title(comparisons)
    yield "change of run time"
    for comparison in comparisons:
        yield _label(comparison)
        for row in comparison.published:
            yield PUBLISHED.format(row.table)


def _title(comparisons: Sequence[Comparison]) -> str:
    return title(comparisons[0].result.cell.machine, room=LONGEST_LABEL)


def _table(comparisons: Sequence[Comparison], columns: Sequence[str]) -> list[Line]:
    cell = comparisons[0].result.cell
    shown = [c for c in comparisons if _column(c) in columns]
    rule = Line(cell.workload.operation, tuple("-" * PAIR for _ in columns))
    lines = [
        Line(_title(comparisons), tuple(_heading(column) for column in columns)),
        rule,
        Line("change of run time", tuple(("mean", "stdev") for _ in columns)),
        RULE,
    ]
    for strategy in _by_strategy(shown):
        lines.append(_line(_label(strategy[0]), strategy, columns, _change))
        lines += build_lines(strategy, columns, _column)
        if not strategy[0].is_baseline:
            lines.append(_line(MODEL, strategy, columns, _model))
        lines += _published(strategy, columns, _published_change)
        lines += _other_builds(strategy, columns)
    lines += [RULE, Line("absolute", tuple(("ms", "ns/PTE") for _ in columns)), RULE]
    for strategy in _by_strategy(shown):
        lines.append(_line(_label(strategy[0]), strategy, columns, _absolute))
        lines += same_build_lines(strategy, columns, _column, shown)
        lines.append(_line(MODEL, strategy, columns, _model_absolute))
        lines += _published(strategy, columns, _published_seconds)
    return lines


def _line(
    label: str,
    comparisons: Sequence[Comparison],
    columns: Sequence[str],
    show: Callable[[Comparison], Pair],
) -> Line:
    cells = {_column(c): show(c) for c in comparisons}
    return Line(label, tuple(cells.get(column, EMPTY) for column in columns))


def _published(
    comparisons: Sequence[Comparison],
    columns: Sequence[str],
    show: Callable[[Comparison, str], Pair | None],
) -> Iterator[Line]:
    """Yield one line per published table that has something to show about a strategy."""
    for table in _unique(row.table for c in comparisons for row in c.published):
        cells = {_column(c): show(c, table) for c in comparisons}
        if any(cells.values()):
            yield Line(
                PUBLISHED.format(table),
                tuple(cells.get(column) or EMPTY for column in columns),
            )


def _other_builds(comparisons: Sequence[Comparison], columns: Sequence[str]) -> Iterator[Line]:
    cells: dict[str, Pair] = {}
    for comparison in comparisons:
        means = [
            row.mean
            for row in comparison.published
            if row.role is Role.BAND and not row.is_zero_by_definition
        ]
        if means:
            same = min(means) == max(means)
            cells[_column(comparison)] = (
                (percent(means[0]), "") if same else interval_text(min(means), max(means))
            )
    if cells:
        yield Line(OTHER_BUILDS, tuple(cells.get(column, EMPTY) for column in columns))


def _change(comparison: Comparison) -> Pair:
    return percent(comparison.change.mean_pct), percent(comparison.change.stdev_pct)


def _model(comparison: Comparison) -> Pair:
    low, high = comparison.model.change_pct
    return interval_text(low, high)


def _absolute(comparison: Comparison) -> Pair:
    result = comparison.result
    seconds = result.summary.mean
    return milliseconds(seconds), nanoseconds(seconds * 1e9 / result.ptes)


def _model_absolute(comparison: Comparison) -> Pair:
    return time_span(*comparison.model.seconds)


def _published_change(comparison: Comparison, table: str) -> Pair | None:
    rows = _visible(comparison, table)
    for row in rows:
        if row.metric is Metric.REL_PCT:
            return percent(row.mean), "" if row.stdev is None else percent(row.stdev)
    for row in rows:
        change = implied_change_pct(row, comparison.baseline.cell.strategy)
        if change is not None and not comparison.is_baseline:
            return percent(change), ""
    return None


def _published_seconds(comparison: Comparison, table: str) -> Pair | None:
    for row in _visible(comparison, table):
        if row.metric is Metric.SECONDS:
            per_pte = row.mean * 1e9 / comparison.result.ptes
            return milliseconds(row.mean), nanoseconds(per_pte)
    return None


def _visible(comparison: Comparison, table: str) -> list[Row]:
    """Return the rows of a table that have a line: no build band, nothing printed twice."""
    shown = {(row.id, row.metric) for row in comparison.published}
    return [
        row
        for row in comparison.published
        if row.table == table
        and row.role is not Role.BAND
        and (row.repeats, row.metric) not in shown
    ]


def _remarks(
    comparisons: Sequence[Comparison], left_out: Sequence[LeftOut], idle: Sequence[Setting]
) -> list[str]:
    found = []
    smallest = _detectable(comparisons)
    if smallest:
        protocol = comparisons[0].result.cell.protocol
        found.append(
            f"Smallest change that {protocol.runs} x {protocol.iterations} would show here: "
            f"{smallest}."
        )
    cliffs = [f"{_label(c)} ({_column(c)})" for c in comparisons if c.model_has_cliff]
    if cliffs:
        found.append(
            f"caution: within the ranges of the machine's numbers the change jumps for "
            f"{', '.join(cliffs)}: something just fits into a queue, or just does not"
        )
    found += across(comparisons)
    found += remarks(comparisons[0].result.cell, idle)
    found += [f"Left out, {left.reason}: {', '.join(left.strategies)}." for left in left_out]
    return ["\n".join(paragraph(remark, hanging="  ") for remark in found)]


def _detectable(comparisons: Sequence[Comparison]) -> str:
    """Return what two series with the baseline's spread could tell apart, per column."""
    parts = []
    for comparison in comparisons:
        limit = comparison.change.detectable_pct
        if comparison.is_baseline and limit is not None:
            parts.append(f"{limit:.1f}% ({_column(comparison)})")
    return ", ".join(parts)


def _legend(comparisons: Sequence[Comparison]) -> str:
    rows = [row for c in comparisons for row in c.published]
    band = any(row.role is Role.BAND and not row.is_zero_by_definition for row in rows)
    model = MODEL_LEGEND.format(builds=in_intervals(comparisons))
    legends = [model, LEGEND if rows else LEGEND.split(" published", maxsplit=1)[0]]
    legends += [BAND_LEGEND] if band else []
    legends += builds_legend(comparisons)
    return paragraph(" ".join(legends))


def _label(comparison: Comparison) -> str:
    name = comparison.result.cell.strategy
    return f"{name} (baseline)" if comparison.is_baseline else name


def _column(comparison: Comparison) -> str:
    return comparison.result.cell.workload.layout


def _heading(column: str) -> str:
    """Return a layout as the thread writes it; a long mix stands alone or cut."""
    for text in (f"{column} (pte-map)", column, column.replace(" ", "")):
        if len(text) <= PAIR:
            return text
    return f"{column.replace(' ', '')[: PAIR - 3]}..."


def _by_strategy(comparisons: Sequence[Comparison]) -> Iterator[list[Comparison]]:
    for strategy in _unique(c.result.cell.strategy for c in comparisons):
        yield [c for c in comparisons if c.result.cell.strategy == strategy]


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
