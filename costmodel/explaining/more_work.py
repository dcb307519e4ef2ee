"""Explains how a strategy that executes all that another does, and more, can be the faster one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.cpu.branches import mispredicts
from costmodel.experiment import Cell, exact_ps_of, executed

LEAST_PCT: Final = 0.5
"""A smaller gain, in percent of the baseline's time, needs no explanation."""
_PORTS: Final = ("alu_ports", "branch_ports", "load_ports", "store_ports", "mul_ports")
_MANY: Final = 16


@dataclass(frozen=True)
class MoreWork:
    """Where the gain of a strategy that executes more than its baseline comes from.

    ``with_ports_pct`` is the change in percent on the same core with more ports than micro-ops ask
    for. It is about 0 or above where the gain only arises from which micro-op gets a port first.
    ``mispredicts_fewer`` is how many branches per PTE are no longer mispredicted, because the
    additional branches shift the history that the predictor looks at.
    """

    with_ports_pct: float
    mispredicts_fewer: float


def more_work(new: Cell, base: Cell) -> MoreWork:
    """Return where the gain of ``new`` over ``base`` comes from; both are cells of one machine."""
    machine = with_ports(new.machine)
    times = [exact_ps_of(executed(cell), replace(cell, machine=machine)) for cell in (new, base)]
    wrong = [_mispredicts(executed(cell), cell.machine) for cell in (new, base)]
    return MoreWork(100 * (times[0] / times[1] - 1), wrong[1] - wrong[0])


def with_ports(machine: Machine) -> Machine:
    """Return the machine with so many ports that no micro-op waits for one."""
    return machine.with_values({f"core.{name}": _MANY for name in (*_PORTS, "address_units")})


def _mispredicts(runs: Sequence[TableRun], machine: Machine) -> float:
    """Return how many branches per PTE are mispredicted."""
    history = machine.core.branch_history_length.value
    wrong = sum(run.count * int(mispredicts(run.trace, history).sum()) for run in runs)
    return wrong / sum(run.count * run.ptes for run in runs)
