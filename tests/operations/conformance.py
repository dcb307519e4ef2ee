"""Compares what strategies of loops over one table execute with what was recorded, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from costmodel.code.events import Mark, Step
from costmodel.code.library import load_library, source_of
from costmodel.code.record import recorder_of
from costmodel.code.uops import Uop
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import TableShape
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Strategy
from costmodel.operations.shared.trace import step_before
from costmodel.recorder import Recording, load_program
from costmodel.strategies.catalogue import built_in

BASE = 1 << 20
Event = tuple[str, int]
"""Name and slot."""


def strategy_of(operation: str, program: str) -> Strategy:
    """Return the first strategy that executes a program."""
    return next(
        strategy
        for strategy in built_in(operation).values()
        if source_of(program) in {*strategy.programs.values(), *strategy.range_programs.values()}
    )


def differences(operation: str, name: str, key: str) -> list[list[Event]]:
    """Return the steps, by their two events, that differ from a recording.

    Asserts that the events are the same in the same order.
    """
    program, strategy = load_program(operation, name), strategy_of(operation, name)
    window = program.recordings[key]
    marks = operation_named(operation).recorded().find(program, window)[:-1]  # the next lock
    table = _shape(operation, window, marks, strategy).build()
    known = operation_named(operation)
    items = strategy.function(known.begin(table, contpte=strategy.contpte))
    steps, fragments = walked(operation, name, items, step_before(known.event_before))
    first = TABLE_PTES - window.ptes
    behind = [
        (step, fragment)
        for step, fragment in zip(steps, fragments, strict=True)
        if step.slot >= first
    ]
    if first:  # a window of small folios begins behind the lock
        begin = next(i for i, (step, _) in enumerate(behind) if step.event == "read")
        behind = behind[begin:]
    said = [(step.event, step.slot - first) for step, _ in behind]
    found = [(mark.step.event, mark.step.slot) for mark in marks]
    assert said == found
    library = load_library(operation, name)
    differ = []
    for number in range(1, len(marks)):
        begin, end = marks[number - 1].row + 1, marks[number].row + 1
        rows = library.rows(behind[number][1])
        if not np.array_equal(library.uop[rows], window.uop[begin:end]):
            differ.append(found[number - 1 : number + 1])
    return differ


def _shape(operation: str, window: Recording, marks: list[Mark], strategy: Strategy) -> TableShape:
    """Return a table whose last entries map the frames of a window."""
    order = int(window.layout[len("order")])
    first, size = TABLE_PTES - window.ptes, 1 << order
    frames = {mark.step.slot + first: mark.step.page for mark in marks if mark.step.page >= 0}
    aligned = window.layout.endswith("aligned")
    first_pfns = []
    for slot in range(0, TABLE_PTES, size):
        far = (1 << 22) + 17 * slot + 5 if order == 0 else (1 << 22) + 2 * slot
        if order == 0 and aligned:
            first_pfns.append(BASE + slot)
        elif order == 0:
            first_pfns.append(BASE + frames.get(slot, far) + (5 if slot in frames else 0))
        else:
            first_pfns.append(far)
    state = operation_named(operation).state(window.state)
    orders = (order,) * (TABLE_PTES // size)
    return TableShape(1, orders, tuple(first_pfns), state, strategy.contpte)


def walked(
    operation: str, program: str, items: Iterable[Step | Uop], before: Step
) -> tuple[list[Step], list[int]]:
    """Return the events that a strategy yields and the fragment that leads to each.

    ``before`` is the event that the first one follows.
    """
    steps: list[Step] = []

    def tee() -> Iterator[Step | Uop]:
        for item in items:
            assert isinstance(item, Step)
            steps.append(item)
            yield item

    record = recorder_of(operation, program).record(tee(), before)
    return steps, record.fragments.tolist()
