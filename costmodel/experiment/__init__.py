"""Cells in, results out: what runs where, how often, and what it costs beside the baseline."""

from costmodel.experiment.builds import matched
from costmodel.experiment.cell import (
    Cell,
    Result,
    build_of,
    described_build,
    exact_seconds,
    executed,
    noise_scenario,
    run_cell,
    strategy_of,
)
from costmodel.experiment.comparison import Comparison, LeftOut, compare, published_rows
from costmodel.experiment.run import run_cells
from costmodel.experiment.study import compare_cells

__all__ = [
    "Cell",
    "Comparison",
    "LeftOut",
    "Result",
    "build_of",
    "compare",
    "compare_cells",
    "described_build",
    "exact_seconds",
    "executed",
    "matched",
    "noise_scenario",
    "published_rows",
    "run_cell",
    "run_cells",
    "strategy_of",
]
