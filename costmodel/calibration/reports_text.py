"""Reports from elsewhere beside their predictions, as plain text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from costmodel.calibration.reports import report_scores
from costmodel.calibration.row_class import Measure, RowClass, limit_of
from costmodel.calibration.text import error, interval, marks, number, row_id
from costmodel.calibration.validation import Assessment

_VARIANT = 24


class Verdict(StrEnum):
    """What is said of a reported number, worst first."""

    MISS = "miss"
    SHOWN = "not judged"
    MET = "met"

    @classmethod
    def of(cls, assessment: Assessment) -> Verdict:
        """Return the verdict on a reported number."""
        if assessment.is_miss:
            return cls.MISS
        return cls.MET if assessment.is_judged else cls.SHOWN


class ReportLimits(NamedTuple):
    """What each kind of reported number is judged by, from ``limits.yaml``, with its unit."""

    ratio: str
    time: str
    throughput: str
    throughput_change: str

    @classmethod
    def known(cls) -> ReportLimits:
        """Return the limits of all machines."""
        ratio, time, throughput, change = (
            limit_of(RowClass(measure), "")
            for measure in (
                Measure.REPORTED_CHANGE,
                Measure.REPORTED_TIME,
                Measure.THROUGHPUT,
                Measure.THROUGHPUT_CHANGE,
            )
        )
        return cls(
            f"{ratio:g} %", f"a factor of {1 + time / 100:g}", f"{throughput:g} %",
            f"{change:g} points",
        )  # fmt: skip


HEADINGS = {
    Verdict.MISS: "misses",
    Verdict.SHOWN: "times of a machine that another one stands for: shown, not judged",
    Verdict.MET: "met",
}


def worst_first(assessments: Sequence[Assessment], verdict: Verdict) -> list[Assessment]:
    """Return the numbers with a verdict; misses by how far they are beyond their limit."""
    chosen = [a for a in assessments if Verdict.of(a) is verdict]
    if verdict is Verdict.MISS:
        chosen.sort(key=lambda a: -a.size / a.limit)
    return chosen


def report_lines(assessments: Sequence[Assessment]) -> Iterator[str]:
    """Yield the lines of the reports from elsewhere: misses first, then all else."""
    yield "Reports from elsewhere           published predicted       90 %    error"
    for verdict, heading in HEADINGS.items():
        chosen = worst_first(assessments, verdict)
        if chosen:
            yield f"  {heading}"
            yield from (_row(a).rstrip() for a in chosen)
    yield from score_lines(assessments)


def score_lines(assessments: Sequence[Assessment]) -> Iterator[str]:
    """Yield sentences about how many of the reported numbers are met."""
    found, limits = report_scores(assessments), ReportLimits.known()
    for what, (met, of) in (
        ("signs right", found.signs),
        (f"ratios of two times within {limits.ratio}", found.changes),
        (f"times of the machine itself within {limits.time}", found.times),
        (
            f"throughputs within {limits.throughput}, their changes within "
            f"{limits.throughput_change}",
            found.throughputs,
        ),
        ("judged numbers inside their 90 % interval", found.inside),
    ):
        yield f"{what}: {met} of {of}"


def report_data(assessment: Assessment) -> dict[str, Any]:
    """Return a reported number as plain data for JSON."""
    row = assessment.target.row
    return {
        "variant": row.variant,
        "measured_on": row.measured_on or row.machine,
        "answers": row.machine,
        "verdict": Verdict.of(assessment).value,
    }


def _row(assessment: Assessment) -> str:
    target = assessment.target
    return (
        f"{row_id(target):<9}{target.row.variant[:_VARIANT]:<25}"
        f"{number(target, target.mean):>8}{number(target, assessment.predicted):>8}"
        f"{interval(assessment):>15}{error(assessment):>6} {marks(assessment)}"
    )
