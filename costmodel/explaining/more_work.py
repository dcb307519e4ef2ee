"""Explains how a strategy that executes all that another does, and more, can be the faster one.

Ports and branch history can make it so, and accesses written by hand that come before the compiled
code knows the address: they do what prefetches do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import ADDRESS, TableRun, Trace, ptes_of
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
    return wrong / ptes_of(runs)


def early_accesses(runs: Sequence[TableRun]) -> float:
    """Return how many accesses per PTE touch a line while compiled code computes its address.

    Such an access acts as a prefetch: the compiled access to the line waits less.
    """
    ptes = ptes_of(runs)
    return sum(run.count * _early(run.trace) for run in runs) / ptes


def _early(trace: Trace) -> int:
    hand = trace.step_start[trace.step_id >= len(trace.step_names)]
    hand = hand[trace.line[hand] >= 0]
    if not len(hand):
        return 0
    by_line = np.argsort(trace.line, kind="stable")
    position = np.empty(len(trace), np.int64)
    position[by_line] = np.arange(len(trace))
    by_hand = np.zeros(len(trace), np.bool_)
    by_hand[hand] = True
    return sum(_is_early(trace, by_line, int(position[row]), by_hand) for row in hand.tolist())


def _is_early(
    trace: Trace, by_line: NDArray[np.int64], place: int, by_hand: NDArray[np.bool_]
) -> bool:
    """Tell whether the access at ``place`` of the rows sorted by line and order is early."""
    row, line = by_line[place], trace.line[by_line[place]]
    if place and trace.line[by_line[place - 1]] == line:
        return False  # the line was there already
    for other in by_line[place + 1 :]:
        if trace.line[other] != line:
            return False
        if not by_hand[other]:
            return bool(trace.inputs[other, ADDRESS].max() > row)
    return False
