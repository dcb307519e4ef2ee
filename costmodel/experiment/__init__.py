"""Computes cells (what runs where, how often) and compares each result with its baseline."""

from costmodel.experiment.builds import matched
from costmodel.experiment.cell import Cell, build_of, executed, strategy_of
from costmodel.experiment.pace import (
    exact_ps_of,
    exact_seconds,
    exact_seconds_of,
    exact_seconds_on,
    paces_of,
    seconds_around,
)
from costmodel.experiment.result import Result, run_cell
from costmodel.experiment.run import compile_apart, run_cells
from costmodel.experiment.study import (
    Comparison,
    LeftOut,
    beside,
    compare,
    compare_cells,
    published_rows,
)

__all__ = [
    "Cell",
    "Comparison",
    "LeftOut",
    "Result",
    "beside",
    "build_of",
    "compare",
    "compare_cells",
    "compile_apart",
    "exact_ps_of",
    "exact_seconds",
    "exact_seconds_of",
    "exact_seconds_on",
    "executed",
    "matched",
    "paces_of",
    "published_rows",
    "run_cell",
    "run_cells",
    "seconds_around",
    "strategy_of",
]
