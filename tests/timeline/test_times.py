"""Times row by row are those of the engine, and in an order that a pipeline can have."""

from __future__ import annotations

from itertools import pairwise

import pytest

from costmodel import cpu
from costmodel.code.trace import TableRun
from costmodel.code.uops import Subkind, Target, prefetch
from costmodel.config.machine import load_machine
from costmodel.cpu.stack import Cause
from costmodel.experiment import Cell, executed
from costmodel.timeline.cell import middle, rows_of_ptes, timeline_of
from costmodel.timeline.labels import label
from costmodel.timeline.times import Timeline, timeline
from tests.cpu.build import machine, rmw, store, trace_of


def test_the_whole_table_takes_as_long_as_the_engine_says(small_cell: Cell) -> None:
    runs = executed(small_cell)
    whole = timeline(runs, small_cell.machine, first=0, end=len(runs[0].trace))
    cost = cpu.run(runs, small_cell.machine).costs[0]
    assert whole.micro_ops[-1].retire == cost.ticks
    charged: dict[Cause, int] = {}
    for op in whole.micro_ops:
        for cause, ticks in op.charged.items():
            charged[cause] = charged.get(cause, 0) + ticks
    assert sum(charged.values()) == cost.ticks
    assert set(charged) == set(cost.stack_ticks)


def test_stages_follow_each_other(shown: Timeline) -> None:
    for op in shown.micro_ops:
        assert op.dispatch <= op.ready
        assert op.dispatch <= op.start <= op.done <= op.retire
        assert op.drain is None or op.drain >= op.retire
    for older, younger in pairwise(shown.micro_ops):
        assert older.dispatch <= younger.dispatch
        assert older.retire <= younger.retire
        assert sum(younger.charged.values()) == younger.retire - older.retire


def test_nothing_starts_before_the_input_it_waited_for(shown: Timeline) -> None:
    by_row = {op.row: op for op in shown.micro_ops}
    waiting = [op for op in shown.micro_ops if op.producer is not None]
    assert waiting
    for op in waiting:
        assert by_row[op.producer or 0].done == op.ready <= op.start


def test_a_stretch_has_the_times_of_the_whole(small_cell: Cell, shown: Timeline) -> None:
    runs = executed(small_cell)
    whole = timeline(runs, small_cell.machine, first=0, end=len(runs[0].trace))
    first = shown.micro_ops[0]
    twins = {op.row: op for op in whole.micro_ops}
    shift = twins[first.row].dispatch
    for op in shown.micro_ops:
        twin = twins[op.row]
        assert (op.dispatch, op.start, op.retire) == (
            twin.dispatch - shift,
            twin.start - shift,
            twin.retire - shift,
        )


def test_rows_outside_of_the_trace_are_refused(small_cell: Cell) -> None:
    runs = executed(small_cell)
    for first, end in ((-1, 5), (5, 5), (0, len(runs[0].trace) + 1)):
        with pytest.raises(ValueError, match="rows must lie in 0"):
            timeline(runs, small_cell.machine, first=first, end=end)


def test_ptes_are_cut_where_their_child_entries_are_written(small_cell: Cell) -> None:
    trace = executed(small_cell)[0].trace
    assert rows_of_ptes(trace, 0, 32) == (0, len(trace))
    halves = [rows_of_ptes(trace, first, 16) for first in (0, 16)]
    assert halves[0][1] == halves[1][0]
    assert trace.target[halves[0][1] - 1] == Target.DST
    with pytest.raises(ValueError, match="entries must be of 0 to 31"):
        rows_of_ptes(trace, 30, 3)


def test_the_middle_begins_with_a_whole_folio(small_cell: Cell) -> None:
    trace = executed(small_cell)[0].trace
    assert [middle(trace, count) for count in (1, 2, 3, 8, 16, 32, 99)] == [16] * 5 + [0, 0]


def test_labels_name_what_a_kernel_developer_knows(shown: Timeline) -> None:
    labels = {label(op) for op in shown.micro_ops}
    assert any(text.startswith("store child pte[") for text in labels)
    assert any(text.startswith("load struct page ") for text in labels)
    assert not any("NONE" in text or text != text.strip() for text in labels)


def test_the_first_entry_can_be_chosen(small_cell: Cell) -> None:
    at_start = timeline_of(small_cell, ptes=8, first=0)
    assert at_start.micro_ops[0].row == 0


def test_a_locked_operation_that_is_done_early_leaves_no_earlier_than_it_retires() -> None:
    """It is done while an older prefetch waits for the miss register that a store holds."""
    lines = (store(4096 * i, target=Target.PAGE) for i in range(3))
    ahead = prefetch(Target.PAGE, 4096 * 3)
    lock = rmw(Subkind.RMW_LOCKED, target=Target.PAGE)
    one = trace_of([*lines, ahead, lock])
    small = {"caches__l1__size_bytes": "1 KiB", "caches__l2__size_bytes": "2 KiB"}
    on = machine(load_machine("epyc-milan"), **small, caches__miss_registers=1)
    *_, last = timeline([TableRun(one, 1, 1, 1e9)], on, first=0, end=len(one)).micro_ops
    assert last.drain is not None and last.done < last.retire <= last.drain
