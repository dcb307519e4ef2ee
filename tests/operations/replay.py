"""Replays a strategy on the layout of a recorded window and compares it row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import load_library, source_of
from costmodel.code.record import recorder_of
from costmodel.code.trace import Trace
from costmodel.code.uops import Uop
from costmodel.code.yields import run_through
from costmodel.mm.build import Memory
from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.recorded import find
from costmodel.operations.shared.pmd import ARCHITECTURES, pmd_program
from costmodel.operations.shared.strategy import Strategy
from costmodel.recorder import Recording, load_program, recorded_names
from costmodel.strategies.catalogue import built_in

from .compare import Event, compare
from .layout import memory_of

DERIVED = ("folio-batch-off-by-one", "contpte-folio-batch-noyoungdirty")
"""Strategies that were never recorded: they borrow the steps of another."""

LONGEST = 60_000
PREFIX = 20_000
"""Of windows with more rows than the longest, so many are compared: storms repeat themselves."""


def recorded_strategies() -> dict[str, Strategy]:
    """Return the strategy that stands for each recorded program of fork, builds aside."""
    return {
        source_of(program): strategy
        for strategy in built_in().values()
        if strategy.operation == "fork" and strategy.name not in DERIVED
        for programs in (strategy.programs, strategy.range_programs)
        for program in programs.values()
    }


def windows() -> Iterator[tuple[str, str]]:
    """Return program and window of everything recorded of fork's loop."""
    for name in loop_names():
        for key in load_program("fork", name).recordings:
            yield name, key


def loop_names() -> list[str]:
    """Return the recorded programs of fork, but for that of folios that PMDs map."""
    pmds = {pmd_program(name) for name in ARCHITECTURES}
    return [name for name in recorded_names("fork") if name not in pmds]


def differences(program_name: str, key: str) -> dict[str, list[int]]:
    """Return by column the rows in which the strategy's trace differs from a window.

    What lies behind a window is not recorded: of the two possibilities for the next frames, the
    one that fits better counts.
    """
    found = _differences(program_name, key, adjoins=True)
    if not found:
        return found
    other = _differences(program_name, key, adjoins=False)
    return min(found, other, key=lambda columns: sum(map(len, columns.values())))


def _differences(program_name: str, key: str, *, adjoins: bool) -> dict[str, list[int]]:
    program = load_program("fork", program_name)
    window = _prefix(program.recordings[key])
    marks = find(program, window)
    strategy = recorded_strategies()[source_of(program_name)]
    memory = memory_of(window, marks, strategy, adjoins=adjoins)
    if window.state == "ro":  # forked before
        run_through(strategy.function(ForkOperation.begin(memory, contpte=strategy.contpte)))
    trace, events = replayed(program_name, strategy, memory)
    return compare(program, window, marks, trace, events)


def replayed(program_name: str, strategy: Strategy, memory: Memory) -> tuple[Trace, list[Event]]:
    """Return the trace of a strategy with its events."""
    yielded: list[Step | Uop] = []

    def steps() -> Iterator[Step | Uop]:
        for item in strategy.function(ForkOperation.begin(memory, contpte=strategy.contpte)):
            yielded.append(item)
            yield item

    library = load_library("fork", program_name)
    record = recorder_of("fork", program_name).record(steps(), Step("set", -1, -1, -1))
    events = [
        (item.event, item.slot % TABLE_PTES, row)
        for item, row in zip(yielded, record.results.tolist(), strict=True)
        if isinstance(item, Step)
    ]
    return build(record, library, "fork"), events


def _prefix(window: Recording) -> Recording:
    if len(window) <= LONGEST:
        return window
    columns = ("uop", "distance", "index", "offset", "taken")
    return replace(window, **{name: getattr(window, name)[:PREFIX] for name in columns})
