"""Makes the traces of a strategy on a workload: one for each distinct page table."""

from __future__ import annotations

from functools import lru_cache

from costmodel.code.trace import TableRun
from costmodel.config.frames import CONTIGUOUS
from costmodel.config.workload import Workload
from costmodel.mm.shapes import ShapedSpace, homogeneous
from costmodel.mm.state import PteState
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Strategy
from costmodel.units import PAGE_BYTES


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
    orders = tuple(workload.folio_orders.items())
    state = operation.state(workload.state)
    frames = workload.frames, workload.frames_over or round(workload.touched_pages) * PAGE_BYTES
    how = state, strategy.contpte, workload.mapped == "pmd", workload.holes
    space = _space(workload.memory_bytes, orders, *frames, *how)
    if strategy.archive is not None:
        from costmodel.strategies.whole_tables import archive_runs

        aligned = workload.frames == CONTIGUOUS
        return archive_runs(strategy, program, isa, space, aligned=aligned)
    return list(operation.trace(strategy, program, isa, space))


@lru_cache(maxsize=64)
def _space(
    memory_bytes: int,
    orders: tuple[tuple[int, float], ...],
    frames: str,
    over_bytes: int,
    state: PteState,
    contpte: bool,
    pmd: bool,
    holes: float,
) -> ShapedSpace:
    """Return the address space of a workload, remembered because it takes longer than timing it."""
    return homogeneous(
        memory_bytes, dict(orders), frames=frames, over_bytes=over_bytes, state=state,
        contpte=contpte, pmd=pmd, holes=holes,
    )  # fmt: skip
