"""What a table says about builds: which build a number belongs to, and what other builds do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from costmodel.results.records import ResultCell
from costmodel.results.text.layout import PAIR, Line, Pair, shorten
from costmodel.results.text.numbers import interval_text, milliseconds, nanoseconds

_SPAN: Final = "  over {} builds"
_BUILD: Final = "  build"
_SAME: Final = "  {}, same build"
_RANGE_LEGEND: Final = (
    "over N builds: lowest and highest change of the same source by other compilers and "
    "configurations, each from the baseline of the same build. The row is the median "
    "build{middle}, which 'build' names; '{baseline}, same build' is what its change counts from."
)
_LOWER: Final = " (of two in the middle the lower)"
_OF_USERS: Final = (
    "A strategy of yours is shown in the build in which the kernel that it changes is shown."
)
_OWN_LEGEND: Final = (
    "Where no build is named it is {build} ({compiler}, {configuration}), as that of the "
    "baseline's own line."
)
_IN_INTERVAL: Final = {
    frozenset({"own", "others"}): (
        ", and over builds (of what was recorded of one build: as far as those of any other "
        "strategy lie apart here)"
    ),
    frozenset({"own"}): ", and over builds",
    frozenset({"others"}): (
        " and what another build would do (as far as the builds of any strategy lie apart here)"
    ),
    frozenset({"none"}): ", of this build",
}


def build_lines(
    cells: Sequence[ResultCell], columns: Sequence[str], shown: Iterable[ResultCell]
) -> Iterator[Line]:
    """Yield lines below the changes of a strategy: their range over builds, and their build.

    ``shown`` are the cells of the table. No line is yielded if all cells have the same build as the
    baseline's own line.
    """
    own = _of_baseline(shown)
    if all(cell.build == own.get(cell.column) and cell.build_range is None for cell in cells):
        return
    spans: dict[str, Pair] = {}
    for cell in cells:
        if cell.build_range is not None:
            spans[cell.column] = interval_text(cell.build_range.low_pct, cell.build_range.high_pct)
    if spans:
        count = max(cell.build_range.count for cell in cells if cell.build_range is not None)
        yield _line(_SPAN.format(count), spans, columns)
    names = {cell.column: shorten(cell.build or "", PAIR) for cell in cells}
    if any(cell.build != cell.strategy for cell in cells):
        yield _line(_BUILD, names, columns)


def same_build_lines(
    cells: Sequence[ResultCell], columns: Sequence[str], shown: Iterable[ResultCell]
) -> Iterator[Line]:
    """Yield the time of the baseline in the build of a strategy, if its own line has another build.

    ``shown`` are the cells of the table.
    """
    own = _of_baseline(shown)
    times: dict[str, Pair] = {}
    for cell in cells:
        seconds = cell.baseline_seconds
        if seconds is not None and not cell.is_across and cell.build != own.get(cell.column):
            times[cell.column] = milliseconds(seconds), nanoseconds(seconds * 1e9 / cell.ptes)
    if times:
        yield _line(_SAME.format(cells[0].baseline), times, columns)


def builds_legend(cells: Sequence[ResultCell]) -> Iterator[str]:
    """Yield what a reader must know about the builds of a table."""
    ranges = [cell.build_range for cell in cells if cell.build_range]
    if ranges:
        middle = _LOWER if any(each.count % 2 == 0 for each in ranges) else ""
        yield _RANGE_LEGEND.format(baseline=cells[0].baseline, middle=middle)
        if any(cell.build_range and ":" in cell.strategy for cell in cells):
            yield _OF_USERS
        first = next(cell for cell in cells if cell.is_baseline)
        yield _OWN_LEGEND.format(**first.model_dump(include={"build", "compiler", "configuration"}))


def compilers_legend(cells: Sequence[ResultCell]) -> Iterator[str]:
    """Yield the compilers that published rows of a table were built with, where that is known."""
    known: dict[str, list[str]] = {}
    for point in (point for cell in cells for point in cell.published if point.built):
        if point.table not in known.setdefault(point.built, []):
            known[point.built].append(point.table)
    if known:
        said = (f"{built} ({', '.join(tables)})" for built, tables in known.items())
        yield f"Published kernels were built by or as: {'; '.join(said)}."


def in_intervals(cells: Sequence[ResultCell]) -> str:
    """Return the part of the legend's sentence that says which builds the intervals cover."""
    found = {cell.builds_in_interval for cell in cells if not cell.is_baseline}
    covered = found - {None, "none"} or {"none"}
    return _IN_INTERVAL[frozenset(str(source) for source in covered)]


def the_build(cells: Sequence[ResultCell]) -> str:
    """Return the one build of all numbers for the head of a table; empty where there are more."""
    first = cells[0]
    if first.build is None or {cell.build for cell in cells} != {first.build}:
        return ""
    return f"build {first.build} ({first.compiler}, {first.configuration})"


def across_builds(cells: Sequence[ResultCell]) -> Iterator[str]:
    """Yield a remark for each strategy whose change contains the difference of two builds.

    Two archives with the same compiler and configuration differ by their source only; then the
    remark says so.
    """
    first = next((cell for cell in cells if cell.is_baseline), None)
    alike = []
    for cell in {cell.strategy: cell for cell in cells if cell.is_across}.values():
        if first is not None and _made_alike(cell, first):
            alike.append(cell.strategy)
            continue
        of = "" if cell.strategy == cell.build else f" (build {cell.build})"
        yield (
            f"caution: {cell.strategy}{of} is compared with another build, {cell.baseline_build}: "
            "compiler and configuration are part of its change"
        )
    if alike and first is not None:
        who = f"{first.compiler}, {first.configuration}"
        yield f"{', '.join([first.strategy, *alike])}: compiled alike ({who})"


def _made_alike(one: ResultCell, other: ResultCell) -> bool:
    """Tell whether two recorded trees have one compiler and one configuration."""
    recorded = all(cell.build == cell.strategy for cell in (one, other))
    alike = one.compiler == other.compiler and one.configuration == other.configuration
    return recorded and alike


def _of_baseline(cells: Iterable[ResultCell]) -> dict[str, str | None]:
    """Return the build of the baseline's own line, by layout."""
    return {cell.column: cell.build for cell in cells if cell.is_baseline}


def _line(label: str, cells: Mapping[str, Pair], columns: Sequence[str]) -> Line:
    return Line(label, tuple(cells.get(column, ("", "")) for column in columns))
