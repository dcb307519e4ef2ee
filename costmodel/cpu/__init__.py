"""The model of an out-of-order core: the time that micro-ops take on a machine, by cause.

Times are integers, ``ticks`` of a sixteenth of a core cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from costmodel.cpu.stack import Cause, TableCost, Timing

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine

__all__ = ["Cause", "TableCost", "Timing", "run", "run_all"]


def run(runs: Sequence[TableRun], machine: Machine) -> Timing:
    """Return what page tables cost on a machine, one after the other.

    The engine, and numba with it, is loaded on the first call.
    """
    from costmodel.cpu.engine import run as run_engine

    return run_engine(runs, machine)


def run_all(asked: Sequence[tuple[Sequence[TableRun], Machine]]) -> list[Timing]:
    """Return the same of many page tables and machines, which are computed together."""
    from costmodel.cpu.engine import run_together

    return run_together(asked)


@cache
def warm_up() -> None:
    """Load the engine and what compiled code needs, for processes that are forked from this one."""
    import numpy as np

    from costmodel.code.sequences import numbered
    from costmodel.cpu import engine  # noqa: F401

    numbered(np.zeros(1, np.int64))
