"""Result files by hand, for the tests of comparisons."""

from __future__ import annotations

from typing import Any


def cell(strategy: str, mean: float, *, order: int = 9, noise: bool = True) -> dict[str, Any]:
    means = [mean * (1 + 0.001 * (i - 3.5)) for i in range(8)] if noise else []
    return {
        "machine": "ampere-altra",
        "operation": "fork",
        "memory_bytes": 1 << 30,
        "folio_orders": {str(order): 1.0},
        "frames": "contiguous",
        "state": "writable",
        "contpte": None,
        "cpus": 1,
        "strategy": strategy,
        "runs": 8,
        "iterations": 100,
        "seconds": {
            "mean": sum(means) / 8 if noise else mean,
            "stdev_between_runs": 0.00245 * mean if noise else None,
            "run_means": means,
        },
    }


def document(*cells: dict[str, Any], seed: int = 1, noise: bool = True) -> dict[str, Any]:
    origin = {"version": "0.1.0", "seed": seed, "noise": noise}
    return {"schema": 1, "provenance": origin, "cells": list(cells)}
