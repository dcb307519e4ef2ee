"""Computes cells (what runs where, how often) and compares each result with its baseline."""

from costmodel.experiment.builds import matched
from costmodel.experiment.cell import Cell, build_of, executed, strategy_of
from costmodel.experiment.comparison import Comparison, LeftOut, beside, compare, published_rows
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
from costmodel.experiment.study import all_in_one_build, compare_cells, mixes_builds

__all__ = [
    "Cell",
    "Comparison",
    "LeftOut",
    "Result",
    "all_in_one_build",
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
    "mixes_builds",
    "paces_of",
    "published_rows",
    "run_cell",
    "run_cells",
    "seconds_around",
    "strategy_of",
]
