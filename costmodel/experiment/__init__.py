"""Cells in, results out: what runs where, how often, and what it costs beside the baseline."""

from costmodel.experiment.cell import (
    Cell,
    Result,
    exact_ps_of,
    exact_seconds,
    executed,
    noise_scenario,
    run_cell,
)
from costmodel.experiment.comparison import Comparison, LeftOut, compare, published_rows
from costmodel.experiment.run import run_cells

__all__ = [
    "Cell",
    "Comparison",
    "LeftOut",
    "Result",
    "compare",
    "exact_ps_of",
    "exact_seconds",
    "executed",
    "noise_scenario",
    "published_rows",
    "run_cell",
    "run_cells",
]
