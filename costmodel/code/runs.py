"""Traces a strategy over a workload: one trace per distinct page table."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from costmodel.byte_cache import ByteCache
from costmodel.code.build import build
from costmodel.code.cache import Recalled, runs_bytes, trace_bytes
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.trace import TableRun, Trace
from costmodel.code.whole_tables import recorded_runs
from costmodel.code.yields import Vocabulary, Yields, exhausted, run_through
from costmodel.config.workload import Workload
from costmodel.mm.build import Memory
from costmodel.mm.shapes import CONTIGUOUS, ShapedSpace, TableShape, homogeneous
from costmodel.mm.state import PteState
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.operations.registry import operation_named
from costmodel.operations.zap.trace import zap_runs
from costmodel.strategies.strategy import Function, Strategy
from costmodel.user_code.blame import StrategyError

CACHE_BYTES: Final = 32 << 20
"""Of traces kept for fork and for zap: what one strategy needs on all machines of a scenario."""
KNOWN: Final = 512
"""Traces of which what cores worked out is kept."""

_traces: Final = ByteCache[Trace](CACHE_BYTES, trace_bytes)
_zaps: Final = ByteCache[tuple[TableRun, ...]](CACHE_BYTES, runs_bytes)


def trace_runs(
    strategy: Strategy, workload: Workload, isa: str, *, range_tlbi: bool
) -> list[TableRun]:
    """Return what ``strategy`` executes on ``workload``, table by table.

    ``isa`` is ``arm64`` or ``x86_64``. Raises KeyError when the strategy does not exist there,
    ConfigError when a user's strategy does what no strategy may do.
    """
    program = strategy.program(isa, range_tlbi=range_tlbi)
    orders = tuple(workload.folio_orders.items())
    state = operation_named(workload.operation).state(workload.state)
    space = _space(workload.memory_bytes, orders, workload.frames, state, strategy.contpte)
    if strategy.recorded is not None:
        aligned = workload.frames == CONTIGUOUS
        return recorded_runs(strategy.recorded, space, aligned=aligned)
    if strategy.operation == "zap":
        return list(_zap_runs(strategy, program, isa, space))
    return [
        TableRun(_trace(strategy, program, shape), shape.count, shape.ptes)
        for shape in space.shapes
    ]


@lru_cache(maxsize=64)
def _space(
    memory_bytes: int,
    orders: tuple[tuple[int, float], ...],
    frames: str,
    state: PteState,
    contpte: bool,
) -> ShapedSpace:
    """Cached: laying out an address space takes longer than timing its traces."""
    return homogeneous(memory_bytes, dict(orders), frames=frames, state=state, contpte=contpte)


def _zap_runs(
    strategy: Strategy, program: str, isa: str, space: ShapedSpace
) -> tuple[TableRun, ...]:
    release = strategy.release_programs[isa]
    make = partial(zap_runs, strategy, program, release, space)
    return _zaps.get((strategy, program, release, space), make)


def _trace(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    return _recalled(strategy, program, replace(shape, count=1))


@lru_cache(maxsize=KNOWN)
def _recalled(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    make = partial(_fork_trace, strategy, program, shape)
    return Recalled(partial(_traces.get, object(), make))


def _fork_trace(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    recorder = recorder_of("fork", program)
    yields = strategy.evaluate(fork_yields, shape, strategy.contpte, recorder.vocabulary)
    try:
        return build(recorder.recorded(yields), load_library("fork", program), "fork")
    except StrategyError as error:
        raise strategy.blamed(error) from error


def fork_yields(
    function: Function, shape: TableShape, contpte: bool, vocabulary: Vocabulary
) -> Yields:
    """Return what a function yields for the fork of one table."""
    fork = ForkOperation.begin(memory_of(function, shape, contpte=contpte), contpte=contpte)
    return exhausted(function(fork), Step("set", -1, -1, -1), vocabulary)


def memory_of(function: Function, shape: TableShape, *, contpte: bool) -> Memory:
    """Return a process with one table; read-only means that the function forked it before.

    What that fork left behind matters: a kernel that unfolds contiguous blocks to write-protect
    them does not find them folded again. Its child lives on.
    """
    if shape.state != READ_ONLY:
        return shape.build()
    memory = replace(shape, state=WRITABLE).build()
    run_through(function(ForkOperation.begin(memory, contpte=contpte)))
    return memory
