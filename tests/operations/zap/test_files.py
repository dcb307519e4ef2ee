"""Pages that files back: strategies against the recordings, and what becomes of dirty entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from costmodel.checking.check import check_strategy, standard_layouts
from costmodel.checking.run import Subject
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.trace import TableRun
from costmodel.config.workload import Workload
from costmodel.mm.folio import Folio
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import TableShape, homogeneous
from costmodel.mm.violations import Guarantee
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.strategy import Strategy
from costmodel.operations.zap import folio_batch
from costmodel.operations.zap.gather import MAX_SLOTS
from costmodel.operations.zap.mm import Delayed, ZapOperation
from costmodel.operations.zap.operation import OPERATION
from costmodel.operations.zap.recorded import as_posted, find
from costmodel.operations.zap.release import flush_and_release
from costmodel.operations.zap.trace import zap_runs
from costmodel.recorder import load_program
from costmodel.strategies.builds import BOOTED, builds_for, built, not_recorded
from costmodel.strategies.catalogue import built_in
from costmodel.units import PAGE_BYTES
from tests.operations.conformance import walked

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


def on_table(case: Case, shape: TableShape) -> tuple[list[Step], list[int]]:
    """Return the events of the strategy on a table, and the fragment that leads to each."""
    zap = ZapOperation.begin(shape.build(), contpte=case.strategy.contpte, list_pages=1)
    zap.released = []
    last = "unmap" if shape.state.shared else "slot"
    return walked("zap", case.program, case.strategy.function(zap), Step(last, -1, -1, -1))


@pytest.mark.parametrize(
    "case", tuple(cases()), ids=lambda c: f"{c.program}-{c.state}-order{c.order}"
)
def test_same_events_and_the_same_micro_ops_between_them(case: Case) -> None:
    program, library = load_program("zap", case.program), load_library("zap", case.program)
    window = as_posted(program, program.recordings[f"{case.state}/order{case.order}"])
    marks = find(program, window)
    frames = {m.step.slot: m.step.page for m in marks if m.step.event == "clear"}
    steps, fragments = on_table(case, table(case, frames))

    wanted = [(m.step.event, m.step.slot, m.step.page) for m in marks[:-1]]
    assert [(s.event, s.slot, s.page - BASE) for s in steps[1:]] == wanted
    assert (steps[0].event, marks[-1].step.event) == ("lock", "lock")  # of the next table

    fragments = [*fragments[1:], fragments[0]]
    differ, executed = [], 0
    for number in range(1, len(marks)):
        begin, end = marks[number - 1].row + 1, marks[number].row + 1
        uops = library.uop[library.rows(fragments[number])]
        executed += len(uops)
        # The first eight slots are in the mmu_gather, others in a page: the same instructions.
        ran = library.site[uops]
        if not np.array_equal(ran, program.site[window.uop[begin:end]]):
            differ.append((marks[number - 1].step.event, marks[number].step.event))
    # Statistics run over now and then: as often as recorded, not at the same entries. What happens
    # once per table was recorded on few tables.
    rare = [pair for pair in differ if not library.choices[pair].turns]
    assert set(rare) <= {("slot", "read"), *((end, e) for end in ("slot", "unmap") for e in ENDS)}
    assert len(rare) <= RARE
    assert executed == pytest.approx(marks[-1].row - marks[0].row, rel=0.01)


def runs(name: str, state: str, tables: int, order: int = 0) -> list[TableRun]:
    (strategy,) = (known for known in strategies() if known.name == f"{name}@{BUILD}")
    memory = tables * TABLE_PTES * PAGE_BYTES
    space = homogeneous(memory, {order: 1.0}, state=OPERATION.state(state), frames="scattered")
    return list(zap_runs(strategy, strategy.programs["x86_64"], "x86_64", space))


@pytest.mark.parametrize("order", [0, 9])
def test_dirty_memory_is_flushed_and_released_table_by_table(order: int) -> None:
    dirty, clean = (
        runs("folio-batch-v6.12", s, 4, order) for s in ("shared-munmap", "file-munmap")
    )

    assert sum(run.flushes for run in dirty) == 4
    assert sum(run.flushes for run in clean) == 0
    near, far = (max(run.reuse_bytes or 0 for run in found) for found in (dirty, clean))
    assert near < far


def test_what_the_page_cache_holds_is_not_freed() -> None:
    # An exit only drops references: 41 micro-ops a page (tests/operations/zap/test_trace.py).
    for state in STATES:
        released = runs("v6.7", state, 1)[1:]
        assert 0 < sum(len(run.trace) * run.count for run in released) < 60 * TABLE_PTES


def test_activation_is_met_where_pages_of_a_folio_are_unmapped_one_by_one() -> None:
    case = next(c for c in cases() if (c.program[:4], c.state, c.order) == ("v6.7", "file-exit", 4))
    steps, _ = on_table(case, table(case, {slot: slot for slot in range(PTES)}))
    events = Counter(step.event for step in steps)
    assert (events["accessed"], events["activate"]) == (2 * PTES >> 4, PTES >> 4)


@pytest.mark.parametrize("lost", ["set_referenced", "mark_dirty"])
def test_bits_that_are_not_passed_on_are_found(lost: str) -> None:
    def forgetful(zap: ZapOperation) -> Steps:
        setattr(zap, lost, lambda *_: None)
        yield from folio_batch.v6_12(zap)
        yield from flush_and_release(zap)

    report = check_strategy(Subject("it", forgetful, "zap"), standard_layouts(0, seed=0))
    want = Guarantee.ACCESSED if lost == "set_referenced" else Guarantee.DIRTY
    assert {fault.guarantee for fault in report.breaks} == {want}


def test_mappings_of_dirty_pages_must_wait_for_the_flush() -> None:
    def hasty(zap: ZapOperation) -> Steps:
        zap.is_delayed = lambda *_: False  # type: ignore[method-assign]
        yield from folio_batch.v6_12(zap)
        yield from flush_and_release(zap)

    report = check_strategy(Subject("it", hasty, "zap"), standard_layouts(0, seed=0))
    assert {fault.guarantee for fault in report.breaks} == {Guarantee.DIRTY}


def test_a_strategy_without_a_recording_is_refused_with_those_that_have_one() -> None:
    workload = Workload(
        operation="zap", memory_bytes=1 << 30, folio_orders={0: 1.0}, state="shared-munmap"
    )
    why = not_recorded(built_in("zap")["arch-batch-const1"], workload, "x86_64")

    assert why == (
        "was not recorded in the state 'shared-munmap'; recorded were: v6.7, folio-batch-v6.9, "
        "folio-batch-v6.12"
    )
    assert not not_recorded(built_in("zap")["v6.7"], workload, "x86_64")
    anonymous = workload.model_copy(update={"state": "munmap"})
    assert "was recorded in shared-exit" in not_recorded(
        built_in("zap")["v6.7"], anonymous, "x86_64", build=BUILD
    )


def test_another_build_is_refused_with_the_one_that_has_the_state() -> None:
    workload = Workload(
        operation="zap", memory_bytes=1 << 30, folio_orders={0: 1.0}, state="file-exit"
    )
    v67 = built_in("zap")["v6.7"]

    booted = not_recorded(v67, workload, "x86_64", build=BOOTED)
    assert booted == f"state 'file-exit' was recorded of build {BUILD} only"
    unknown = not_recorded(v67, workload, "x86_64", build="gcc14")
    assert unknown == f"not recorded of build gcc14 (builds: {BUILD})"


def once_per_call(zap: ZapOperation) -> Steps:
    """Unmap as v6.12, but leave the delayed mappings to the flush at the end of the call."""
    waiting: list[Delayed] = []

    def wait(folio: Folio, first_page: int, count: int = 1, *, counts_large: bool = False) -> None:
        waiting.append(Delayed(folio, first_page, count, counts_large))

    zap.delay_rmap = wait  # type: ignore[method-assign]
    yield from folio_batch.v6_12(zap)
    zap.delayed = waiting


@pytest.mark.parametrize(
    ("state", "tables", "flushes"),
    [
        ("shared-munmap", 4, [4, 0]),
        ("shared-dontneed", 4, [3, 0]),  # what frees no tables ends with the last table's flush
        ("shared-munmap", 40, [40, 40 * TABLE_PTES // MAX_SLOTS]),
        ("shared-dontneed", 40, [39, 40 * TABLE_PTES // MAX_SLOTS]),
    ],
)
def test_flushes_are_those_of_the_loop_or_of_full_lists(
    state: str, tables: int, flushes: list[int]
) -> None:
    (kernel,) = (known for known in strategies() if known.name == f"folio-batch-v6.12@{BUILD}")
    late = replace(kernel, function=once_per_call)
    memory = tables * TABLE_PTES * PAGE_BYTES
    space = homogeneous(memory, {0: 1.0}, state=OPERATION.state(state))
    by_table, by_call = (
        list(zap_runs(known, known.programs["x86_64"], "x86_64", space)) for known in (kernel, late)
    )

    assert [sum(run.flushes for run in found) for found in (by_table, by_call)] == flushes
    executed = [sum(run.count * len(run.trace) for run in found) for found in (by_table, by_call)]
    assert executed[1] == pytest.approx(executed[0], rel=0.02)
