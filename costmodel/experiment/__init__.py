"""Computes cells (what runs where, how often) and compares each result with its baseline."""

from costmodel.experiment.builds import matched
from costmodel.experiment.cell import (
    Cell,
    Result,
    build_of,
    exact_ps_of,
    exact_seconds,
    executed,
    pace_of,
    run_cell,
    seconds_around,
    strategy_of,
)
from costmodel.experiment.comparison import Comparison, LeftOut, beside, compare, published_rows
from costmodel.experiment.run import run_cells
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
    "exact_ps_of",
    "exact_seconds",
    "executed",
    "matched",
    "mixes_builds",
    "pace_of",
    "published_rows",
    "run_cell",
    "run_cells",
    "seconds_around",
    "strategy_of",
]
