"""What a table says of builds: which one a number is of, and how far others lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from costmodel.experiment import Comparison
from costmodel.experiment.build_doubt import CERTAIN
from costmodel.results.text.layout import PAIR, Line, Pair, shorten
from costmodel.results.text.numbers import interval_text, milliseconds, nanoseconds
from costmodel.strategies.builds import BOOTED, known_builds

_SPAN: Final = "  over {} builds"
_BUILD: Final = "  build"
_SAME: Final = "  {}, same build"
_RANGE_LEGEND: Final = (
    "over N builds: lowest and highest change of the same source by other compilers and "
    "configurations, each from the baseline of the same build. The row is the median build, which "
    "'build' names; '{baseline}, same build' is what its change counts from."
)
_BOOTED_LEGEND: Final = (
    "Without such lines: build gcc12-booted (gcc 12.2, small configuration), the only one "
    "recorded of it there."
)


def build_lines(
    comparisons: Sequence[Comparison], columns: Sequence[str], at: Callable[[Comparison], str]
) -> Iterator[Line]:
    """Yield, below the changes of a strategy, their range over builds and the build they are of.

    ``at`` returns the column of a comparison. Nothing where all are of the booted kernels.
    """
    if comparisons[0].is_baseline or all(c.result.build == BOOTED for c in comparisons):
        return
    spans: dict[str, Pair] = {at(c): interval_text(c.builds.low_pct, c.builds.high_pct)
                              for c in comparisons if c.builds is not None}  # fmt: skip
    if spans:
        count = max(len(c.builds.changes_pct) for c in comparisons if c.builds is not None)
        yield _line(_SPAN.format(count), spans, columns)
    yield _line(_BUILD, {at(c): shorten(c.result.build, PAIR) for c in comparisons}, columns)


def same_build_lines(
    comparisons: Sequence[Comparison],
    columns: Sequence[str],
    at: Callable[[Comparison], str],
    shown: Iterable[Comparison],
) -> Iterator[Line]:
    """Yield what the baseline takes in the build of a strategy, where its own line has another.

    ``shown`` are the comparisons of which the table has lines.
    """
    own = {at(c): c.result for c in shown if c.is_baseline}
    times: dict[str, Pair] = {}
    for comparison in comparisons:
        base = comparison.baseline
        if not comparison.is_across and base is not own.get(at(comparison), base):
            seconds = base.summary.mean
            times[at(comparison)] = milliseconds(seconds), nanoseconds(seconds * 1e9 / base.ptes)
    if times:
        name = comparisons[0].baseline.cell.strategy
        yield _line(_SAME.format(name), times, columns)


def builds_legend(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield what a reader must know about the builds of a table."""
    if any(c.builds is not None for c in comparisons):
        yield _RANGE_LEGEND.format(baseline=comparisons[0].baseline.cell.strategy)
        if any(c.result.build == BOOTED and not c.is_baseline for c in comparisons):
            yield _BOOTED_LEGEND


def in_intervals(comparisons: Sequence[Comparison]) -> str:
    """Return what the intervals of a table cover of other builds, as the legend goes on."""
    doubts = [c.build_doubt() for c in comparisons if not c.is_baseline]
    own = any(c.builds is not None for c in comparisons)
    assumed = any(
        doubt.change != CERTAIN and c.builds is None
        for c, doubt in zip((c for c in comparisons if not c.is_baseline), doubts, strict=True)
    )
    if own and assumed:
        return (
            ", and over builds (of what was recorded of one build only: as far as those of any "
            "other strategy lie apart here)"
        )
    if own:
        return ", and over builds"
    if assumed:
        return (
            " and what another build would do (as far as the builds of any strategy lie apart here)"
        )
    return ", of this build"


def the_build(comparisons: Sequence[Comparison]) -> str:
    """Return the one build of all numbers for the head of a table; empty where there are more."""
    builds = {c.result.build for c in comparisons}
    (build, *more) = builds
    if more or build == BOOTED:
        return ""
    described = f" ({known_builds()[build]})" if build in known_builds() else ""
    return f"build {build}{described}"


def across(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield a remark where a change is that of the build too."""
    named = {(c.result.cell.strategy, c.result.build, c.baseline.build)
             for c in comparisons if c.is_across}  # fmt: skip
    for strategy, build, other in sorted(named):
        of = "" if strategy == build else f" (build {build})"
        yield (
            f"caution: {strategy}{of} is compared with another build, {other}: compiler and "
            "configuration are part of its change"
        )


def _line(label: str, cells: Mapping[str, Pair], columns: Sequence[str]) -> Line:
    return Line(label, tuple(cells.get(column, ("", "")) for column in columns))
