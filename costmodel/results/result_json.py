"""Results as JSON, schema 1: see docs/result-json.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.experiment import Comparison
from costmodel.published import Metric, Row
from costmodel.published.rows import implied_change_pct
from costmodel.settings import texts
from costmodel.statistics import Change, Summary, mean_interval

if TYPE_CHECKING:
    from costmodel.uncertainty.spread import ModelInterval

SCHEMA = 1


def result_json(comparisons: Sequence[Comparison], provenance: Mapping[str, Any]) -> str:
    """Return the document as text that ends with a newline.

    Equal input gives equal bytes. Raises ValueError for a number that JSON cannot carry.
    """
    document = result_document(comparisons, provenance)
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def result_document(
    comparisons: Sequence[Comparison], provenance: Mapping[str, Any], *, intervals: bool = True
) -> dict[str, Any]:
    """Return the document as plain data: ``schema``, ``provenance`` and ``cells``.

    Without the ``intervals`` of the model for readers that do not show them.
    """
    return {
        "schema": SCHEMA,
        "provenance": dict(provenance),
        "cells": [_cell(comparison, intervals=intervals) for comparison in comparisons],
    }


def _cell(comparison: Comparison, *, intervals: bool) -> dict[str, Any]:
    result, cell = comparison.result, comparison.result.cell
    workload = cell.workload
    return {
        "machine": cell.machine.name,
        "operation": workload.operation,
        "memory_bytes": workload.memory_bytes,
        "folio_order": workload.folio_order,
        "folio_orders": {str(order): share for order, share in workload.folio_orders.items()},
        "frames": workload.frames,
        "state": workload.state,
        "contpte": workload.contpte,
        "cpus": workload.cpus,
        "settings": texts(cell.machine, workload),
        "machine_changes": {key: now for key, (_, now) in cell.machine.changes.items()},
        "strategy": cell.strategy,
        "baseline": comparison.baseline.cell.strategy,
        "runs": cell.protocol.runs,
        "iterations": cell.protocol.iterations,
        "ptes": result.ptes,
        "ns_per_pte": result.ns_per_pte,
        "seconds": _seconds(result.summary),
        "change_pct": _change(comparison.change),
        **(_model(comparison.model) if intervals else {}),
        "cpi_stack_ns_per_pte": dict(result.stack_ns_per_pte),
        "micro_ops_per_pte": dict(result.micro_ops_per_pte),
        "segments_ns_per_pte": dict(result.segments_ns_per_pte),
        "published": [
            _published(row, comparison.baseline.cell.strategy) for row in comparison.published
        ],
    }


def _model(interval: ModelInterval) -> dict[str, Any]:
    return {
        "model_interval_pct90": list(interval.change_pct),
        "model_interval_seconds90": list(interval.seconds),
    }


def _seconds(summary: Summary) -> dict[str, Any]:
    return {
        "mean": summary.mean,
        "ci95": _pair(mean_interval(summary)),
        "stdev_between_runs": summary.stdev_between_runs,
        "stdev_within_runs": summary.stdev_within_runs,
        "run_means": list(summary.run_means),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "mean": change.mean_pct,
        "stdev": change.stdev_pct,
        "ci95": _pair(change.ci95_pct),
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
        "variant": row.variant,
        "source": row.citation,
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
