"""Makes the result file of what was computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from costmodel.published import Metric, Row, implied_change_pct
from costmodel.remarks import decided_by, remarks_of
from costmodel.results.crowd_records import crowd_data
from costmodel.results.document import SCHEMA, ResultFile
from costmodel.settings import Setting, texts
from costmodel.statistics import Change, Summary, mean_interval

if TYPE_CHECKING:
    from costmodel.experiment import Comparison, LeftOut


def result_file(
    comparisons: Sequence[Comparison],
    provenance: Mapping[str, Any],
    *,
    title: str | None = None,
    left_out: Sequence[LeftOut] = (),
    idle: Mapping[str, Sequence[Setting]] | None = None,
    intervals: bool = True,
) -> ResultFile:
    """Return all comparisons of a run as a result file.

    ``provenance`` has at least the keys ``version``, ``seed`` and ``noise``. ``left_out`` is what
    was asked for and cannot run; ``idle`` are the settings that change no time, by machine name.
    ``intervals=False`` leaves the model's intervals out, which take a dozen times as long as the
    cells, for readers that do not show them. Raises pydantic's ValidationError for numbers that a
    file may not hold.
    """
    remarks = cache(_remarks)
    cells = [_cell(comparison, remarks, intervals=intervals) for comparison in comparisons]
    return ResultFile.model_validate(
        {
            "schema": SCHEMA,
            "provenance": dict(provenance),
            "title": title,
            "left_out": [asdict(left) for left in left_out],
            "machine_remarks": _machine_remarks(comparisons, idle or {}, intervals=intervals),
            "cells": cells,
        }
    )


def _machine_remarks(
    comparisons: Sequence[Comparison],
    idle: Mapping[str, Sequence[Setting]],
    *,
    intervals: bool,
) -> dict[str, list[str]]:
    of: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        of.setdefault(comparison.result.cell.machine.name, []).append(comparison)
    return {
        name: [
            *(decided_by(mine) if intervals else ()),
            *remarks_of([each.result.cell for each in mine], idle.get(name, ())),
        ]
        for name, mine in of.items()
    }


def _remarks(strategy: str, operation: str) -> list[str]:
    from costmodel.checking.verdict import verdicts_on

    return verdicts_on([strategy], operation)


def _cell(
    comparison: Comparison, remarks: Callable[[str, str], list[str]], *, intervals: bool
) -> dict[str, Any]:
    result, cell = comparison.result, comparison.result.cell
    workload, baseline = cell.workload, comparison.baseline.cell.strategy
    return {
        "machine": cell.machine.name,
        "machine_title": cell.machine.title,
        "operation": workload.operation,
        "memory_bytes": workload.memory_bytes,
        "folio_order": workload.folio_order,
        "folio_orders": dict(workload.folio_orders),
        "frames": workload.frames,
        "frames_over_bytes": workload.frames_over,
        "mapped": workload.mapped,
        "holes": workload.holes,
        "vmas": workload.vmas,
        "state": workload.state,
        "contpte": workload.contpte,
        "cpus": workload.cpus,
        "crowd": crowd_data(result),
        "settings": texts(cell.machine, workload),
        "machine_changes": {key: now for key, (_, now) in cell.machine.changes.items()},
        "strategy": cell.strategy,
        **_build(comparison),
        "remarks": remarks(cell.strategy, workload.operation),
        "baseline": baseline,
        "runs": cell.protocol.runs,
        "iterations": cell.protocol.iterations,
        "ptes": result.ptes,
        "ns_per_pte": result.ns_per_pte,
        "seconds": _seconds(result.summary),
        **_throughput(comparison),
        "change_pct": _change(comparison.change),
        **(_model(comparison) if intervals else {}),
        "cpi_stack_ns_per_pte": dict(result.stack_ns_per_pte),
        "micro_ops_per_pte": dict(result.micro_ops_per_pte),
        "segments_ns_per_pte": dict(result.segments_ns_per_pte),
        "published": [_published(row, baseline) for row in comparison.published],
    }


def _model(comparison: Comparison) -> dict[str, Any]:
    interval = comparison.model
    return {
        "model_interval_pct90": interval.change_pct,
        "model_interval_seconds90": interval.seconds,
        "model_interval_throughput_per_s90": interval.throughput_per_s,
        "model_interval_throughput_pct90": interval.throughput_change_pct,
        "model_error_change_pct": interval.change_error_pct,
        "model_error_seconds_pct": interval.seconds_error_pct,
        "model_change_jumps": comparison.model_has_cliff,
        "builds_in_interval": comparison.build_doubt().source,
    }


def _build(comparison: Comparison) -> dict[str, Any]:
    """Return the keys about the build that was priced, and about that of the baseline."""
    build, builds = comparison.result.described_build, comparison.builds
    return {
        "build": build.name,
        "compiler": build.compiler,
        "configuration": build.configuration,
        "baseline_build": comparison.baseline.build,
        "baseline_seconds": comparison.baseline.summary.mean,
        **({"builds_change_pct": dict(builds.changes_pct)} if builds else {}),
    }


def _seconds(summary: Summary) -> dict[str, Any]:
    return {
        "mean": summary.mean,
        "ci95": mean_interval(summary),
        "stdev_between_runs": summary.stdev_between_runs,
        "stdev_within_runs": summary.stdev_within_runs,
        "run_means": list(summary.run_means),
    }


def _throughput(comparison: Comparison) -> dict[str, Any]:
    return {
        "throughput_per_s": comparison.result.throughput_per_s,
        "throughput_change_pct": comparison.throughput_change_pct,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "mean": change.mean_pct,
        "stdev": change.stdev_pct,
        "ci95": change.ci95_pct,
        "p_value": change.p_value,
        "smallest_detectable": change.detectable_pct,
    }


def _published(row: Row, baseline: str) -> dict[str, Any]:
    relative = row.metric is Metric.REL_PCT
    return {
        "id": row.id,
        "metric": row.metric.value,
        "mean": row.mean,
        "stdev": row.stdev,
        "change_pct": row.mean if relative else implied_change_pct(row, baseline),
        "role": row.role.value if row.role else None,
        "repeats": row.repeats,
        "compiler": row.compiler,
        "configuration": row.configuration,
        "mitigations": row.mitigations,
        "variant": row.variant,
        "source": row.citation,
    }
