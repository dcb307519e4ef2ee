"""Traces a strategy over a workload: one trace per distinct page table."""

from __future__ import annotations

from functools import cache, lru_cache

from costmodel.config.workload import Workload
from costmodel.kernel.shapes import TableShape, homogeneous
from costmodel.steps.events import Step
from costmodel.steps.library import load_library
from costmodel.strategies.catalogue import Strategy
from costmodel.trace import TableRun, Trace
from costmodel.tracing.build import build
from costmodel.tracing.record import Recorder


@cache
def _recorder(operation: str, program: str) -> Recorder:
    return Recorder(load_library(operation, program))


def trace_runs(
    strategy: Strategy, workload: Workload, isa: str, *, range_tlbi: bool
) -> list[TableRun]:
    """Return what ``strategy`` executes on ``workload``, table by table.

    ``isa`` is ``arm64`` or ``x86_64``. Raises KeyError when the strategy does not exist there and
    StrategyError when it does what no strategy may do.
    """
    program = strategy.program(isa, range_tlbi=range_tlbi)
    contpte = strategy.contpte if workload.contpte is None else workload.contpte
    space = homogeneous(
        workload.memory_bytes,
        workload.folio_orders,
        frames=workload.frames,
        state=workload.state,
        contpte=contpte and strategy.contpte,
    )
    return [
        TableRun(_trace(strategy, program, shape), shape.count, shape.ptes)
        for shape in space.shapes
    ]


@lru_cache(maxsize=256)
def _trace(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    memory = shape.build()
    fork = memory.fork(contpte=strategy.contpte)
    recorder = _recorder(strategy.operation, program)
    last = Step("set", -1, -1, -1)
    record = recorder.record(strategy.function(fork), last)
    return build(record, load_library(strategy.operation, program), strategy.operation)
