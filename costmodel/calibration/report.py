"""The validation of all machines: assessments, summaries and stated accuracies, and its text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.calibration import text
from costmodel.calibration.claims import ClaimVerdict, claims, loop_verdicts, verdicts
from costmodel.calibration.deviations import Deviation, deviations
from costmodel.calibration.model_error import ModelError, error_lines, model_errors
from costmodel.calibration.reports_text import report_data, report_lines
from costmodel.calibration.scores import OperationScores, summaries
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.calibration.validation import Assessment, assess
from costmodel.config.machine import Machine, load_machine
from costmodel.published import Metric
from costmodel.uncertainty.model_error import size_pct

SCHEMA = 1


@dataclass(frozen=True)
class MachineReport:
    """The validation of one machine."""

    machine: Machine
    assessments: tuple[Assessment, ...]
    summaries: tuple[OperationScores, ...]
    """One per operation."""
    deviations: tuple[Deviation, ...]
    verdicts: tuple[ClaimVerdict, ...]


def validated_machines() -> list[str]:
    """Return the names of the machines with published measurements, in order."""
    return list(dict.fromkeys(target.row.machine for target in targets()))


def validate_machines(progress: Callable[[], object] = lambda: None) -> list[MachineReport]:
    """Predict every published number on the shipped machines.

    ``progress`` is called after each machine.
    """
    reports = []
    for name in validated_machines():
        reports.append(report_on(load_machine(name)))
        progress()
    return reports


def report_on(machine: Machine) -> MachineReport:
    """Return the report on a machine with published measurements."""
    assessments = assess(machine)
    spreads = deviations(machine)
    own = claims().get(machine.name)
    worst = max((d.factor for d in spreads), default=None)
    return MachineReport(
        machine=machine,
        assessments=tuple(assessments),
        summaries=summaries(assessments),
        deviations=tuple(spreads),
        verdicts=tuple(verdicts(assessments, own, worst)) if own else (),
    )


def stated(reports: list[MachineReport], elsewhere: Sequence[Assessment]) -> list[ClaimVerdict]:
    """Return the verdicts on all stated accuracies; ``elsewhere`` are the reported numbers."""
    return [*(v for report in reports for v in report.verdicts), *loop_verdicts(elsewhere)]


def lines(reports: list[MachineReport], elsewhere: Sequence[Assessment]) -> Iterator[str]:
    """Yield the text of ``costmodel validate``; ``elsewhere`` are the reported numbers."""
    for report in reports:
        yield from text.machine_table(report.machine.title, report.assessments)
        for summary in report.summaries:
            yield from text.summary_lines(summary)
        yield from map(text.deviation_line, report.deviations)
        yield ""
    yield from report_lines(elsewhere)
    yield ""
    yield "Stated accuracies (costmodel/calibration/claims.yaml)"
    yield from map(text.verdict_line, stated(reports, elsewhere))
    yield ""
    yield from error_lines(found_errors(reports, elsewhere))
    yield ""
    yield from text.LEGEND.splitlines()
    every = [*(a for report in reports for a in report.assessments), *elsewhere]
    yield from text.mitigation_lines(a.target.row for a in every)


def found_errors(
    reports: Iterable[MachineReport], elsewhere: Iterable[Assessment]
) -> list[ModelError]:
    """Return what predictions miss beyond their known doubt, by class of answers."""
    return model_errors([*(a for report in reports for a in report.assessments), *elsewhere])


def validation_document(
    reports: list[MachineReport], elsewhere: Sequence[Assessment]
) -> dict[str, Any]:
    """Return the validation as plain data for JSON, schema 1."""
    return {
        "schema": SCHEMA,
        "machines": [_machine(report) for report in reports],
        "reports": [_row(a) | report_data(a) for a in elsewhere],
        "stated_loops": [_verdict(v) for v in loop_verdicts(elsewhere)],
        "model_errors": [
            {
                "class": error.answer.value,
                "pct90": error.pct,
                "pct90_in_use": size_pct(error.answer),
                "sources": error.sources,
                "numbers": error.rows,
                "inside_without_pct": 100 * error.before,
                "inside_pct": 100 * error.inside,
                "inside_source_left_out_pct": 100 * error.left_out,
            }
            for error in found_errors(reports, elsewhere)
        ],
    }


def _machine(report: MachineReport) -> dict[str, Any]:
    return {
        "machine": report.machine.name,
        "rows": [_row(a) for a in report.assessments],
        "scores": [
            {
                "class": str(s.row_class),
                "role": s.role.value if s.role else None,
                "rows": s.rows,
                "inside": s.inside,
                "median": s.median,
                "worst": s.worst,
                "unit": text.unit(s.row_class),
            }
            for summary in report.summaries
            for s in summary.scores
        ],
        "operations": {
            summary.operation: {
                "signs": {"published": summary.signs, "right": summary.right_signs},
                "kendall_tau": summary.rank,
                "inside": {"rows": summary.rows, "inside": summary.inside},
            }
            for summary in report.summaries
        },
        "stdev_between_runs_pct": [
            {
                "folio_order": d.order,
                "published": d.published,
                "is_upper_bound": d.is_bound,
                "predicted": d.predicted,
            }
            for d in report.deviations
        ],
        "stated": [_verdict(v) for v in report.verdicts],
    }


def _verdict(verdict: ClaimVerdict) -> dict[str, Any]:
    found = {"stated": verdict.stated, "found": verdict.found, "holds": verdict.holds}
    return {"what": verdict.statement, **found}


def _row(assessment: Assessment) -> dict[str, Any]:
    target = assessment.target
    row = target.row
    return {
        "id": row.id,
        "implied_change": target.implied,
        "role": target.role.value,
        "class": str(target.row_class),
        "operation": row.operation,
        "state": row.state,
        "folio_order": row.order,
        "strategy": target.case.strategy,
        "baseline": target.baseline.strategy if target.baseline else None,
        "mitigations": row.mitigations,
        "metric": _metric(target).value,
        "published_mean": target.mean,
        "published_stdev": row.stdev,
        "sigma": target.sigma,
        "predicted": assessment.predicted,
        "interval90": list(assessment.interval),
        "inside": assessment.inside,
        "error": assessment.error,
        "error_unit": text.unit(target.row_class),
        "miss": assessment.is_miss,
        "source": row.citation,
    }


def _metric(target: PublishedNumber) -> Metric:
    """Return the unit of the numbers, which is a change's where two rows imply one."""
    if target.row.metric.is_throughput:
        return target.row.metric
    return Metric.REL_PCT if target.baseline else Metric.SECONDS
