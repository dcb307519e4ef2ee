"""Makes the traces of a strategy on a workload: one for each distinct page table."""

from __future__ import annotations

from costmodel.code.trace import TableRun
from costmodel.config.frames import CONTIGUOUS
from costmodel.config.workload import Workload
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.extent import space_of
from costmodel.operations.shared.strategy import Strategy


def trace_runs(
    strategy: Strategy, workload: Workload, isa: str, *, range_tlbi: bool
) -> list[TableRun]:
    """Return what ``strategy`` executes on ``workload``: a trace per distinct table, and a count.

    ``isa`` is ``arm64`` or ``x86_64``; ``range_tlbi`` says whether the CPU can invalidate a range
    by one instruction. Raises KeyError where the strategy does not exist on ``isa``, and
    ConfigError for whatever a user's strategy does wrong.
    """
    operation = operation_named(strategy.operation)
    program = strategy.program(isa, range_tlbi=range_tlbi)
    space = space_of(workload, contpte=strategy.contpte)
    if strategy.archive is not None:
        from costmodel.strategies.whole_tables import archive_runs

        aligned = workload.frames == CONTIGUOUS
        return archive_runs(strategy, program, isa, space, aligned=aligned)
    return list(operation.trace(strategy, program, isa, space))
