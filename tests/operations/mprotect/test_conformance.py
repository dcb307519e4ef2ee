"""Strategies of mprotect against the recordings: the same micro-ops in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from costmodel.code.events import Mark, Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.uops import Uop
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.mm.shapes import TableShape
from costmodel.operations.mprotect.operation import OPERATION
from costmodel.operations.mprotect.recorded import find
from costmodel.operations.shared.strategy import Strategy
from costmodel.recorder import Recording, load_program, recorded_names
from costmodel.strategies.builds import source_of
from costmodel.strategies.catalogue import built_in

BASE = 1 << 20


class Case(NamedTuple):
    program: str
    key: str


def cases() -> Iterator[Case]:
    for program in recorded_names("mprotect"):
        for key in load_program("mprotect", program).recordings:
            alike = "range_tlbi" in program or key.startswith("shared")
            if not alike or key.endswith("order0"):
                yield Case(program, key)


def strategy_of(program: str) -> Strategy:
    return next(
        strategy
        for strategy in built_in("mprotect").values()
        if source_of(program) in {*strategy.programs.values(), *strategy.range_programs.values()}
    )


def shape(window: Recording, marks: list[Mark], strategy: Strategy) -> TableShape:
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
    state = OPERATION.state(window.state)
    orders = (order,) * (TABLE_PTES // size)
    return TableShape(1, orders, tuple(first_pfns), state, strategy.contpte)


def walked(case: Case, strategy: Strategy, table: TableShape) -> tuple[list[Step], list[int]]:
    """Return the events of the strategy on a table and the path that leads to each."""
    steps: list[Step] = []

    def tee() -> Iterator[Step | Uop]:
        mprotect = OPERATION.begin(table.build(), contpte=strategy.contpte)
        for item in strategy.function(mprotect):
            assert isinstance(item, Step)
            steps.append(item)
            yield item

    recorder = recorder_of("mprotect", case.program)
    record = recorder.record(tee(), Step("commit", -1, -1, -1))
    return steps, record.paths.tolist()


@pytest.mark.parametrize("case", tuple(cases()), ids="-".join)
def test_strategy_executes_what_was_recorded(case: Case) -> None:
    program = load_program("mprotect", case.program)
    window, strategy = program.recordings[case.key], strategy_of(case.program)
    marks = find(program, window)[:-1]  # the last one is the next table's lock
    steps, paths = walked(case, strategy, shape(window, marks, strategy))
    first = TABLE_PTES - window.ptes
    behind = [(step, path) for step, path in zip(steps, paths, strict=True) if step.slot >= first]
    if first:  # a window of small folios begins behind the lock
        begin = next(i for i, (step, _) in enumerate(behind) if step.event == "read")
        behind = behind[begin:]
    said = [(step.event, step.slot - first) for step, _ in behind]
    found = [(mark.step.event, mark.step.slot) for mark in marks]
    assert said == found
    library = load_library("mprotect", case.program)
    differ = []
    for number in range(1, len(marks)):
        begin, end = marks[number - 1].row + 1, marks[number].row + 1
        path = behind[number][1]
        rows = slice(library.path_start[path], library.path_start[path] + library.path_length[path])
        if not np.array_equal(library.uop[rows], window.uop[begin:end]):
            differ.append(found[number - 1 : number + 1])
    # Behind the first entry of each further block: no fact of the context is about that.
    blocks = range(CONT_PTES, TABLE_PTES, CONT_PTES)
    known = [[("commit", block), ("commit", block + 1)] for block in blocks]
    assert differ == (known if _steps_over_blocks(case) else [])


def _steps_over_blocks(case: Case) -> bool:
    return "arm64_contpte" in case.program and "v6.12" not in case.program and "order9" in case.key
