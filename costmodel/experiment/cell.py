"""A cell, one number to compute, and the code that it executes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Protocol
    from costmodel.config.workload import Workload
    from costmodel.operations.shared.strategy import Strategy


@dataclass(frozen=True)
class Cell:
    """One number to compute: what runs where, how often.

    ``build`` is the kernel build whose code runs; the empty text stands for the build that the
    strategy's name means by itself.
    """

    machine: Machine
    workload: Workload
    strategy: str
    protocol: Protocol
    build: str = ""


def executed(cell: Cell) -> Sequence[TableRun]:
    """Return what a cell executes: one trace for each distinct page table, and how often it runs.

    Traces are kept: a process makes each of them once.
    """
    from costmodel.strategies.runs import trace_runs

    range_tlbi = bool(cell.machine.tlbi.range.value)
    strategy = strategy_of(cell)
    return trace_runs(strategy, cell.workload, cell.machine.isa, range_tlbi=range_tlbi)


def strategy_of(cell: Cell) -> Strategy:
    """Return the strategy of a cell as its build executes it.

    Raises ConfigError for a build that was not recorded of it, or not for the workload.
    """
    from costmodel.strategies.builds import in_build

    return in_build(named_strategy(cell), build_of(cell), cell.workload, cell.machine.isa)


def build_of(cell: Cell) -> str:
    """Return the name of the build whose code runs in a cell; for an archive its reference."""
    from costmodel.strategies.builds import own_build

    return cell.build or own_build(named_strategy(cell), cell.workload, cell.machine.isa)


def named_strategy(cell: Cell) -> Strategy:
    """Return the strategy that the name in a cell means, whatever the build."""
    from costmodel.strategies.resolve import resolve

    return resolve(cell.strategy, operation=cell.workload.operation)
