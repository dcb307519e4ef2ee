"""The slow and simple twin of the fast engine: every micro-op is a SimPy process.

The two share programs and the costs of accesses, and nothing of how the window works. Tests check
that both return the same ticks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import simpy

from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.cpu.batch import table_cost
from costmodel.cpu.engine import Priced, priced_programs
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.reference_core import ReferenceCore
from costmodel.cpu.stack import TableCost, Timing


def run(runs: Sequence[TableRun], machine: Machine) -> Timing:
    """Return what :func:`costmodel.cpu.engine.run` returns, some 10,000 times slower."""
    parameters = parameters_of(machine)
    env = simpy.Environment()
    tables: list[list[MicroOp]] = []
    number = 0
    programs = priced_programs(runs, machine, parameters)
    for run_, priced in zip(runs, programs, strict=True):
        for _ in range(run_.count):
            tables.append(_micro_ops(env, number, priced))
            number += len(tables[-1])
    core = ReferenceCore(env, parameters, [op for table in tables for op in table])
    env.run()
    costs: list[TableCost] = []
    retired = 0
    for table in tables:
        if not table:
            continue
        costs.append(_cost(table, core, retired))
        retired = table[-1].retirement
    return Timing.of(((cost, 1) for cost in costs), machine.core.clock_ghz.value)


def _micro_ops(env: simpy.Environment, number: int, priced: Priced) -> list[MicroOp]:
    code, segments = priced.program.unrolled()
    rows = zip(code.astype(np.int64), segments.tolist(), strict=True)
    return [
        MicroOp(env, number + i, row, priced, segment, i == 0)
        for i, (row, segment) in enumerate(rows)
    ]


def _cost(table: list[MicroOp], core: ReferenceCore, retired: int) -> TableCost:
    """Return the cost of one table, which began when the micro-op before it retired."""
    priced = table[0].priced
    segments = np.zeros(len(priced.program.segments), np.int64)
    totals = np.zeros(len(core.totals(table[0])), np.int64)
    for micro_op in table:
        segments[micro_op.segment] += micro_op.retirement - retired
        retired = micro_op.retirement
        totals += core.totals(micro_op)
    return table_cost(priced, segments.tolist(), totals.tolist())
