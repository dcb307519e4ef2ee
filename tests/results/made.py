"""Result files by hand: what comparisons and pictures are tested with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costmodel.config.document import Document
from costmodel.config.schema import validated
from costmodel.results.document import ResultFile

PTES = 1 << 18
NAMES = ("v6.7", "folio-batch-prototype", "contpte-folio-batch-noyoungdirty", "contpte-per-pte")
NS = {0: (20.0, 20.2, 20.4, 21.0), 9: (19.0, 16.5, 16.2, 990.0)}
"""Per PTE by order; contpte-per-pte is a storm at order-9."""


def results_of(data: dict[str, Any]) -> ResultFile:
    """Return plain data as results; raise ConfigError where they contradict each other."""
    return validated(ResultFile, Document("results", data))


def row(number: str, mean: float, **changes: Any) -> dict[str, Any]:
    """Return a published row of a cell."""
    common = {
        "id": number, "metric": "rel_pct", "mean": mean, "stdev": 0.8, "change_pct": mean,
        "role": "check", "repeats": None, "variant": "as published", "source": "a mail",
    }  # fmt: skip
    return common | changes


def times(mean: float, *, noise: bool = True) -> dict[str, Any]:
    """Return the times of a cell in seconds: eight runs, or an exact number."""
    runs = [mean * (1 + 0.001 * (i - 3.5)) for i in range(8)] if noise else []
    return {
        "mean": mean, "ci95": [0.999 * mean, 1.001 * mean] if noise else None,
        "stdev_between_runs": 0.00245 * mean if noise else None,
        "stdev_within_runs": 0.01 * mean if noise else None, "run_means": runs,
    }  # fmt: skip


def cell(
    strategy: str,
    seconds: float,
    *,
    base_seconds: float | None = None,
    machine: str = "ampere-altra",
    order: int = 9,
    noise: bool = True,
    published: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return a cell as `costmodel run --json` writes it, compared with v6.7."""
    ns = seconds * 1e9 / PTES
    change = 100 * (seconds / (base_seconds or seconds) - 1)
    return {
        "machine": machine, "operation": "fork", "memory_bytes": 1 << 30, "folio_order": order,
        "folio_orders": {str(order): 1.0}, "frames": "contiguous", "state": "writable",
        "contpte": None, "cpus": 1, "strategy": strategy, "baseline": "v6.7", "runs": 8,
        "iterations": 100, "ptes": PTES, "ns_per_pte": ns, "seconds": times(seconds, noise=noise),
        "change_pct": {"mean": change, "stdev": 1.1 if noise else None},
        "model_interval_pct90": [change - 6, change + 7],
        "cpi_stack_ns_per_pte": {"tlbi": 0.6 * ns, "dram": 0.3 * ns, "width": 0.1 * ns},
        "micro_ops_per_pte": {"alu": 71.7, "load": 18.2}, "published": list(published),
    }  # fmt: skip


def crowd(cpus: int, per_s: float, *, threads: int = 1) -> dict[str, Any]:
    """Return the record of so many processes that meet at the interconnect."""
    use = {"waiting_ns": 100.0, "queue": 0.5, "utilisation": cpus / 40, "visits_per_operation": 1.0}
    return {
        "processes": cpus, "threads": threads, "others": "same", "placement": "pinned",
        "sockets": "fill", "folios": "own", "between_us": 0.0, "unshared": [], "workers": cpus,
        "alone_ns": 5e6, "throughput_per_s": per_s, "speedup": 1.0,
        "shared": {"interconnect": use, "llc": use},
    }  # fmt: skip


def document(*cells: dict[str, Any], seed: int = 1, noise: bool = True) -> dict[str, Any]:
    """Return a result file of cells."""
    origin = {"version": "1.2.3", "seed": seed, "noise": noise}
    return {"schema": 1, "provenance": origin, "cells": list(cells)}


def versus(
    base_seconds: float, *others: tuple[str, float], seed: int = 1, noise: bool = True
) -> dict[str, Any]:
    """Return a result file of v6.7 and others on the Altra at order 9."""
    cells = (
        cell(name, seconds, base_seconds=base_seconds, noise=noise)
        for name, seconds in (("v6.7", base_seconds), *others)
    )
    return document(*cells, seed=seed, noise=noise)


def four_strategies(
    machines: Sequence[str] = ("ampere-altra", "apple-m2-vm"), orders: Iterable[int] = (0, 9)
) -> dict[str, Any]:
    """Return a result file of four strategies with published rows of every kind."""
    published = {
        ("folio-batch-prototype", 9): [row("T11/6", -13.9, role="fit"), row("T10/6", -10.4)],
        ("folio-batch-prototype", 0): [
            row("T10/3", 4.3, role="band"),
            row("T14/1", 0.0055, metric="seconds", stdev=None, change_pct=2.5),
        ],
        ("contpte-per-pte", 9): [row("T07c/4", 3654.4, role="fit", stdev=0.0)],
    }
    cells = [
        cell(
            name, ns * PTES / 1e9, base_seconds=NS[group][0] * PTES / 1e9, machine=machine,
            order=order, published=published.get((name, order), []),
        )
        for machine in machines
        for order in orders
        for group in (0 if order < 4 else 9,)
        for name, ns in zip(NAMES, NS[group], strict=True)
    ]  # fmt: skip
    return document(*cells)
