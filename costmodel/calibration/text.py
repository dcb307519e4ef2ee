"""The validation as plain text, at most 76 columns wide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from costmodel.calibration.claims import ClaimVerdict
from costmodel.calibration.deviations import Deviation
from costmodel.calibration.row_class import Measure, RowClass
from costmodel.calibration.scores import OperationScores, Score
from costmodel.calibration.targets import PublishedNumber
from costmodel.calibration.validation import Assessment
from costmodel.operations.registry import DEFAULT
from costmodel.published import Role, Row
from costmodel.published.rows import Mitigations

TITLES = {
    Role.FIT: "fitted",
    Role.CHECK: "checked: never fitted",
    Role.MIXED: "mixed with another change or noise: shown",
    Role.BAND: "other builds (old compiler, code layout): shown, not counted",
}
LEGEND = """\
published and its deviation, predicted, 90 % interval: ms for absolute
times, operations per second for throughputs, else percent. error: percent
of the published value (%), points, or factor (x).
*: the change that two rows in seconds imply. !: outside the interval.
in: published numbers inside it.
M: beyond the limit of its class."""

_BOOTED: Final[Mapping[Mitigations, str]] = {
    "auto": "auto",
    "off": "off",
    "unknown": "unknown (predicted as auto)",
}
_LARGE_PCT = 1000


def row_id(target: PublishedNumber) -> str:
    """Return a short id: ``T14/2*`` is the change that T14/2 implies."""
    return f"{target.row.id}{'*' if target.implied else ''}"


def number(target: PublishedNumber, value: float) -> str:
    """Return a value in the unit of a target: ms, percent, or operations per second."""
    if target.row_class.measure.is_time:
        return f"{1e3 * value:.3f}"
    whole = target.row_class.measure in (Measure.STORM, Measure.THROUGHPUT)
    return f"{value:.0f}" if whole or abs(value) >= _LARGE_PCT else f"{value:z.1f}"


def operation_text(target: PublishedNumber) -> str:
    """Return operation and state, ``zap, munmap``; empty for the default operation."""
    row = target.row
    return "" if row.operation == DEFAULT else f"{row.operation}, {row.state}"


def spread_text(target: PublishedNumber) -> str:
    """Return the published deviation; empty where none was published."""
    return "" if target.row.stdev is None else f"{target.row.stdev:.1f}"


def interval(assessment: Assessment) -> str:
    """Return the predicted interval, such as ``-3.1..3.2``."""
    target, (low, high) = assessment.target, assessment.interval
    if target.row_class.measure.is_time:
        return f"{1e3 * low:.2f}..{1e3 * high:.2f}"
    return f"{number(target, low)}..{number(target, high)}"


def error(assessment: Assessment) -> str:
    """Return the error: ``+0.3`` (points), ``+0.3%`` (of the value) or ``x1.04`` (a factor)."""
    measure = assessment.target.row_class.measure
    if measure.is_factor or measure is Measure.REPORTED_CHANGE:
        return f"x{1 + assessment.error / 100:.2f}"
    return f"{assessment.error:+.1f}{'%' if measure.is_relative else ''}"


def unit(row_class: RowClass) -> str:
    """Return the unit of errors of a class."""
    return "%" if row_class.measure.is_relative else "points"


def marks(assessment: Assessment) -> str:
    """Return the marks behind a row: for outside its interval, and for beyond its limit."""
    return ("" if assessment.inside else "!") + ("M" if assessment.is_miss else "")


def machine_table(title: str, assessments: Sequence[Assessment]) -> Iterator[str]:
    """Yield the lines of a machine's rows, by role and operation."""
    yield f"{title:<30} o {'published':>10} {'predicted':>8}{'90 %':>13}{'error':>7}"
    for role, heading in TITLES.items():
        chosen = [a for a in assessments if a.target.role is role]
        for what in dict.fromkeys(operation_text(a.target) for a in chosen):
            yield f"  {heading}{what and f' ({what})'}"
            for assessment in chosen:
                if operation_text(assessment.target) == what:
                    yield _row(assessment).rstrip()


def summary_lines(summary: OperationScores) -> Iterator[str]:
    """Yield the lines of the summary of one operation on a machine."""
    for score in summary.scores:
        yield _score(score)
    rank = "-" if summary.rank is None else f"{summary.rank:.2f}"
    yield (
        f"{summary.operation}: signs right {summary.right_signs} of {summary.signs}, rank"
        f" agreement (Kendall) {rank},"
        f" inside {summary.inside} of {summary.rows}"
    )


def deviation_line(deviation: Deviation) -> str:
    """Return one line on the deviation between runs."""
    published = f"{'<' if deviation.is_bound else ''}{deviation.published:.2f}"
    return (
        f"stdev of runs, order {deviation.order}: published {published} %, predicted "
        f"{deviation.predicted:.2f} %"
    )


def verdict_line(verdict: ClaimVerdict) -> str:
    """Return one line on a stated accuracy."""
    state = "holds" if verdict.holds else "MISSED"
    return (
        f"{verdict.machine:<13}{verdict.statement:<32}stated {verdict.stated:>4.1f}, found"
        f" {verdict.found:>4.1f} {state}"
    )


def mitigation_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield what the measured kernels did against speculation, and what is predicted for them."""
    counts = Counter({row.id: row.mitigations for row in rows}.values())
    yield "mitigations of the measured kernels, and of those predicted:"
    yield ", ".join(f"{counts[booted]} rows {text}" for booted, text in _BOOTED.items())


def _row(assessment: Assessment) -> str:
    target = assessment.target
    return (
        f"{row_id(target):<8}{target.case.strategy:<23}{target.row.order:>1}"
        f"{number(target, target.mean):>7}{spread_text(target):>4}"
        f"{number(target, assessment.predicted):>8}{interval(assessment):>14}"
        f"{error(assessment):>7} {marks(assessment)}"
    )


def _score(score: Score) -> str:
    role = score.role.value if score.role else "all"
    return (
        f"{score.row_class!s:<24}{role:<6}{score.rows:>2} rows, median {score.median:>4.1f}, worst"
        f" {score.worst:>4.1f} {unit(score.row_class)}, in {score.inside}"
    )
