"""Micro-ops leave a trace and hand their inputs on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.removal import Orphans, remove
from costmodel.code.trace import Trace
from costmodel.code.uops import Kind, Target
from costmodel.strategies import fork as k
from tests.cpu.build import alu, load, store, trace_of


def mask(trace: Trace, *rows: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    removed = np.zeros(len(trace), np.bool_)
    removed[list(rows)] = True
    return removed


def producers(trace: Trace, row: int) -> set[int]:
    return {int(producer) for producer in trace.inputs[row, :4] if producer >= 0}


def test_a_chain_gets_shorter_and_does_not_break() -> None:
    trace = trace_of([load(), alu(0), alu(1), alu(2)])
    rest = remove(trace, mask(trace, 1, 2), Orphans.INHERIT)
    assert len(rest) == 2
    assert producers(rest, 1) == {0}


def test_a_removed_sum_hands_on_both_inputs() -> None:
    trace = trace_of([load(0), load(64), alu(0, 1), load(128, address=[2])])
    rest = remove(trace, mask(trace, 2), Orphans.INHERIT)
    assert producers(rest, 2) == {0, 1}


def test_a_spill_removed_whole_hands_the_value_on() -> None:
    trace = trace_of([alu(), store(8, data=[0]), load(8), alu(2)])
    assert trace.inputs[2, 4] == 1
    rest = remove(trace, mask(trace, 1, 2), Orphans.INHERIT)
    assert producers(rest, 1) == {0}


def test_a_load_of_a_removed_store_reads_the_cache() -> None:
    trace = trace_of([alu(), store(8, data=[0]), load(8)])
    rest = remove(trace, mask(trace, 1), Orphans.INHERIT)
    assert rest.inputs[1].tolist() == [-1] * 5


def test_steps_and_segments_follow() -> None:
    trace = trace_of(
        [alu(), alu(), alu(), alu()],
        step_start=(0, 1, 3),
        segments=(("table", 0, 1), ("copy", 1, 4)),
    )
    rest = remove(trace, mask(trace, 0, 1), Orphans.INHERIT)
    assert rest.step_start.tolist() == [0, 1]
    assert rest.segments == (("table", 0, 0), ("copy", 0, 2))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Trace, list[bool]]:
    count = draw(st.integers(1, 12))
    uops = []
    for row in range(count):
        inputs = draw(st.lists(st.integers(0, row - 1), max_size=1, unique=True)) if row else []
        uops.append(alu(*inputs))
    return trace_of(uops), draw(st.lists(st.booleans(), min_size=count, max_size=count))


@given(graphs())
@settings(deadline=None, max_examples=60)
def test_the_nearest_kept_ancestor_is_what_remains(case: tuple[Trace, list[bool]]) -> None:
    trace, removed = case
    rest = remove(trace, np.array(removed), Orphans.INHERIT)
    kept = [row for row in range(len(trace)) if not removed[row]]
    assert len(rest) == len(kept)
    for new, old in enumerate(kept):
        ancestor = int(trace.inputs[old, 0])
        while ancestor >= 0 and removed[ancestor]:
            ancestor = int(trace.inputs[ancestor, 0])
        assert producers(rest, new) == ({kept.index(ancestor)} if ancestor >= 0 else set())


def test_removing_nothing_changes_nothing() -> None:
    trace = trace_of([load(), alu(0), store(8, data=[1]), load(8)])
    rest = remove(trace, mask(trace), Orphans.INHERIT)
    for name in ("kind", "inputs", "address", "target", "step_start"):
        assert np.array_equal(getattr(rest, name), getattr(trace, name))
    assert rest.kind[0] == Kind.LOAD and rest.target[0] == Target.STACK


CONVERT = [
    Step(event, 15, 15, 0, 7) for event in ("clear_src", "flush", "restore_src", "wrprotect", "set")
]


def traced(steps: k.Steps) -> Trace:
    name = "v4_before_change.arm64_contpte"
    record = recorder_of("fork", name).record(steps, Step("map", 0, 0, 0, 7))
    return build(record, load_library("fork", name), "fork")


@pytest.mark.parametrize("kinds", [(k.Kind.TLBI,), (k.Kind.TLBI, k.Kind.DSB)])
def test_the_rest_stays_as_it_was(kinds: tuple[k.Kind, ...]) -> None:
    whole, less = traced(iter(CONVERT)), traced(k.without(iter(CONVERT), *kinds))
    kept = [row for row, kind in enumerate(whole.kind) if kind not in kinds]
    assert less.site.tolist() == whole.site[kept].tolist()
    assert less.address.tolist() == whole.address[kept].tolist()
    place = {row: number for number, row in enumerate(kept)} | {-1: -1}
    moved = [[place.get(int(i), -1) for i in row] for row in whole.inputs[kept]]
    assert less.inputs.tolist() == moved
    assert less.segments == (("copy", 0, len(less)),)


def test_steps_with_and_without_have_different_numbers() -> None:
    trace = traced(iter([CONVERT[0], *k.without(iter(CONVERT[1:2]), k.Kind.TLBI), CONVERT[2]]))
    names = [trace.step_names[i] for i in trace.step_id]
    assert names == ["clear_src", "flush", "restore_src"]
    assert trace.step_id[1] >= len(
        load_library("fork", "v4_before_change.arm64_contpte").fragment_events
    )


def test_hand_written_micro_ops_keep_numbers_behind_all_others() -> None:
    trace = traced(iter([*k.without(iter(CONVERT[:2]), k.Kind.TLBI), k.dsb()]))
    assert trace.step_id[-1] >= len(trace.step_names)
