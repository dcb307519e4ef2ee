"""Pages that files back: strategies against the recordings, and what becomes of dirty entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.uops import Uop
from costmodel.mm.shapes import TableShape
from costmodel.operations.shared.strategy import Strategy
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import OPERATION
from costmodel.operations.zap.recorded import as_posted, find
from costmodel.recorder import load_program
from costmodel.strategies.builds import builds_for, built
from costmodel.strategies.catalogue import built_in

BUILD = "gcc12-file"
BASE = 1 << 20
PTES = 64
ENDS = ("lock", "unmap", "large_unmap")
"""Events behind the last entry of a table."""
RARE = 2
STATES = ("shared-munmap", "shared-exit", "file-munmap", "file-exit")


class Case(NamedTuple):
    program: str
    strategy: Strategy
    state: str
    order: int


def strategies() -> Iterator[Strategy]:
    for strategy in built_in("zap").values():
        if any(BUILD in builds_for(strategy, isa) for isa in ("x86_64", "arm64")):
            yield built(strategy, BUILD)


def cases() -> Iterator[Case]:
    for strategy in strategies():
        for program in strategy.programs.values():
            if "v6.9" not in strategy.name:  # another program stands for it
                for state in STATES:
                    yield from (Case(program, strategy, state, order) for order in (0, 2, 4))


def table(case: Case, frames: dict[int, int]) -> TableShape:
    """Return the table of a window, whose pages lie where the recorded ones lay."""
    size = 1 << case.order
    first_pfns = tuple(BASE + frames[slot] for slot in range(0, PTES, size))
    orders = (case.order,) * (PTES // size)
    return TableShape(1, orders, first_pfns, OPERATION.state(case.state), case.strategy.contpte)


def walked(case: Case, shape: TableShape) -> tuple[list[Step], list[int]]:
    """Return the events of the strategy on a table, and the path that leads to each."""
    zap = ZapOperation.begin(shape.build(), contpte=case.strategy.contpte, list_pages=1)
    zap.released = []
    steps: list[Step] = []

    def tee() -> Iterator[Step | Uop]:
        for item in case.strategy.function(zap):
            assert isinstance(item, Step)
            steps.append(item)
            yield item

    last = "unmap" if shape.state.shared else "slot"
    record = recorder_of("zap", case.program).record(tee(), Step(last, -1, -1, -1))
    return steps, record.paths.tolist()


@pytest.mark.parametrize(
    "case", tuple(cases()), ids=lambda c: f"{c.program}-{c.state}-order{c.order}"
)
def test_same_events_and_the_same_micro_ops_between_them(case: Case) -> None:
    program, library = load_program("zap", case.program), load_library("zap", case.program)
    window = as_posted(program, program.recordings[f"{case.state}/order{case.order}"])
    marks = find(program, window)
    frames = {m.step.slot: m.step.page for m in marks if m.step.event == "clear"}
    steps, paths = walked(case, table(case, frames))

    wanted = [(m.step.event, m.step.slot, m.step.page) for m in marks[:-1]]
    assert [(s.event, s.slot, s.page - BASE) for s in steps[1:]] == wanted
    assert (steps[0].event, marks[-1].step.event) == ("lock", "lock")  # of the next table

    paths = [*paths[1:], paths[0]]
    differ, executed = [], 0
    for number in range(1, len(marks)):
        begin, end = marks[number - 1].row + 1, marks[number].row + 1
        first, length = library.path_start[paths[number]], library.path_length[paths[number]]
        executed += length
        # The first eight slots are in the mmu_gather, others in a page: the same instructions.
        ran = library.site[library.uop[first : first + length]]
        if not np.array_equal(ran, program.site[window.uop[begin:end]]):
            differ.append((marks[number - 1].step.event, marks[number].step.event))
    # Statistics run over now and then: as often as recorded, not at the same entries. What happens
    # once per table was recorded on few tables.
    rare = [pair for pair in differ if not library.choices[pair].turns]
    assert set(rare) <= {("slot", "read"), *((end, e) for end in ("slot", "unmap") for e in ENDS)}
    assert len(rare) <= RARE
    assert executed == pytest.approx(marks[-1].row - marks[0].row, rel=0.01)
