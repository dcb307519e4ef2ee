"""Makes the traces of operations that are one loop over page tables: one per distinct table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial

from costmodel.code.events import Step
from costmodel.code.trace import TableRun, Trace, later
from costmodel.code.yields import Vocabulary, Yields, exhausted
from costmodel.disk_cache import kept
from costmodel.mm.operation import TableOperation
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.holes import EmptyEntries
from costmodel.operations.shared.pmd import pmd_program, with_pmds
from costmodel.operations.shared.strategy import Function, ShippedFunction, Strategy
from costmodel.units import PAGE_BYTES
from costmodel.user_code.blame import StrategyError


def loop_runs(strategy: Strategy, program: str, space: ShapedSpace) -> Iterator[TableRun]:
    """Yield what a strategy executes on each distinct table of an address space.

    In a state that is cold, the process touched all of its memory since it last touched the tables,
    so nothing of them is in a cache (``TableRun.reuse_bytes``). What a PMD maps is handled alike by
    all strategies but a user's own.
    """
    for shape in space.shapes:
        how = (_on_pmds(strategy), pmd_program(program)) if shape.pmd else (strategy, program)
        trace = _known(*how, replace(shape, count=1))
        reuse_bytes = float(space.pages * PAGE_BYTES) if shape.state.cold else None
        yield TableRun(trace, shape.count, shape.ptes, reuse_bytes)


def _on_pmds(strategy: Strategy) -> Strategy:
    """Return what handles PMDs: a user's strategy may do so itself, for others the kernel does."""
    return _kernel(strategy.operation) if strategy.code is None else strategy


@lru_cache
def _kernel(operation: str) -> Strategy:
    function = ShippedFunction("shared.trace.no_tables")
    return Strategy("pmds", "what all kernels do", function, operation)


def no_tables(_: TableOperation) -> Steps:
    """Handle nothing: there is no page table."""
    return iter(())


def _known(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    """Return the trace of one table; of a strategy that is shipped, it is made when needed."""
    trace = _later(strategy, program, shape)
    return _now(strategy, program, shape) if trace is None else trace


@lru_cache(maxsize=1024)
def _later(strategy: Strategy, program: str, shape: TableShape) -> Trace | None:
    """Return a trace by all that it depends on; None for a strategy that is not shipped."""
    source = strategy.shipped_source
    if source is None:
        return None
    said = "loop", source, strategy.contpte, program, shape
    return later(said, partial(_now, strategy, program, shape))


def _now(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    make = partial(_trace, strategy, program, shape)
    return kept(("loop", strategy, program, shape), make)


def _trace(strategy: Strategy, program: str, shape: TableShape) -> Trace:
    from costmodel.code.build import build  # not needed for programs that are known
    from costmodel.code.library import load_library
    from costmodel.code.record import recorder_of

    name = strategy.operation
    recorder = recorder_of(name, program)
    segment = operation_named(name).words.loop
    try:
        yields = _yields(strategy, shape, recorder.vocabulary)
        return build(recorder.recorded(yields), load_library(name, program), name, segment)
    except StrategyError as error:
        raise strategy.blamed(error) from error


def _yields(strategy: Strategy, shape: TableShape, vocabulary: Vocabulary) -> Yields:
    """Return what a strategy yields on one table; all builds with the same events share it."""
    arguments = strategy.operation, shape, strategy.contpte, vocabulary
    make = partial(strategy.evaluate, table_yields, *arguments)
    if strategy.code is not None:  # a user's function may do anything
        return make()
    said = vocabulary.isa, vocabulary.events
    return kept(("walk", strategy.function, *arguments[:-1], *said), make)


def table_yields(
    function: Function, name: str, shape: TableShape, contpte: bool, vocabulary: Vocabulary
) -> Yields:
    """Return what a function yields for the operation ``name`` on one table."""
    operation = operation_named(name)
    memory = operation.memory_of(function, shape, contpte=contpte)
    begun = operation.begin(memory, contpte=contpte)
    empty = EmptyEntries(name, vocabulary.isa)
    begun.skip = empty.skip
    if shape.pmd:
        steps = with_pmds(name, function, begun)
    else:
        steps = empty.all_of(shape.empty_slots, function, begun)
    return exhausted(steps, step_before(operation.event_before), vocabulary)


def step_before(event: str) -> Step:
    """Return the event that stands before the first one of a table."""
    return Step(event, -1, -1, -1)
