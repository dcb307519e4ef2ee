"""Hand-written accesses wait for their addresses as the compiled code around them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import ADDRESS, MEMORY, Trace
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.config.workload import Workload
from costmodel.operations.shared.strategy import Strategy, both
from costmodel.strategies import fork as k
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs

Function = Callable[[Any], Any]
EVENTS = ("read", "get", "clear_exclusive", "map", "large_map", "wrprotect", "set", "scan")


def traced(function: Function, *, order: int = 0, isa: str = "arm64") -> Trace:
    strategy = Strategy("mine", "", function, "fork", both("v6.12.117"))
    workload = Workload(
        operation="fork", memory_bytes=2 << 20, folio_orders={order: 1.0}, state="writable"
    )
    (run,) = trace_runs(strategy, workload, isa, range_tlbi=False)
    return run.trace


def by_hand(trace: Trace) -> np.ndarray[Any, Any]:
    """Return the rows that were written by hand."""
    steps = np.flatnonzero(trace.step_id >= len(trace.step_names))
    return trace.step_start[steps]


def looks(*, address: Any = None) -> Function:
    """Return v6.12 with a look at the struct page before the reference is taken."""

    def extra(step: k.Step) -> Any:
        flags = yield k.load(Target.PAGE, 64 * step.page, address=address)
        yield k.branch("may?", flags, taken=False)

    return lambda fork: k.before(k.v6_12(fork), "get", extra)


@pytest.mark.parametrize("isa", ["arm64", "x86_64"])
@pytest.mark.parametrize("order", [0, 4, 9])
def test_a_load_waits_for_what_the_first_compiled_access_to_its_page_waits_for(
    isa: str, order: int
) -> None:
    trace = traced(looks(), order=order, isa=isa)
    rows = by_hand(trace)
    loads = rows[trace.kind[rows] == Kind.LOAD]
    assert len(loads) == 512 >> order
    compiled = np.ones(len(trace), np.bool_)
    compiled[rows] = False
    named = trace.step_id < len(trace.step_names)
    events = np.array([*trace.step_names, ""])[np.where(named, trace.step_id, -1)]
    reads = np.append(trace.step_start[1:], len(trace))[events == "read"] - 1
    for load in loads[:20]:
        same = compiled & (trace.address // 64 == trace.address[load] // 64)
        near = np.flatnonzero(same)
        read = reads[np.searchsorted(reads, load) - 1]
        first = near[np.searchsorted(near, read)]
        assert trace.inputs[load, ADDRESS].tolist() == trace.inputs[first, ADDRESS].tolist()
        assert trace.inputs[load, 0] < load
        assert trace.inputs[load + 1, 0] == load  # the branch


def test_an_address_that_is_known_waits_for_nothing() -> None:
    trace = traced(looks(address=k.KNOWN))
    rows = by_hand(trace)
    assert (trace.inputs[rows[::2], ADDRESS] == -1).all()


def test_an_address_computed_by_hand_waits_for_that() -> None:
    def mine(fork: Any) -> Any:
        for pair in fork.tables():
            progress = k.Progress()
            for slot in range(pair.first, pair.end):
                entry = yield from k.read(fork, pair, slot, progress)
                pfn = yield k.alu(entry.value)
                yield k.load(Target.PAGE, 64 * entry.page, address=(pfn,))
                yield from k.copy_single(fork, pair, entry)

    trace = traced(mine)
    alu, load = by_hand(trace)[:2]
    assert trace.inputs[load, 0] == alu
    read = trace.inputs[alu, 0]
    assert (trace.kind[read], trace.target[read]) == (Kind.LOAD, Target.SRC)


def test_a_prefetch_of_the_next_page_waits_for_this_one() -> None:
    def ahead(fork: Any) -> Any:
        return k.before(k.v6_12(fork), "get", lambda s: k.prefetch(Target.PAGE, 64 * s.page + 64))

    here, there = traced(looks()), traced(ahead)
    load, prefetch = by_hand(here)[0], by_hand(there)[0]
    assert there.subkind[prefetch] == Subkind.PREFETCH
    assert there.inputs[prefetch, ADDRESS].tolist() == here.inputs[load, ADDRESS].tolist()


@given(
    name=st.sampled_from(["v6.7", "folio-batch-v6.12", "folio-scan-v3"]),
    isa=st.sampled_from(["arm64", "x86_64"]),
    order=st.sampled_from([0, 2, 9]),
    edits=st.lists(
        st.tuples(
            st.sampled_from([k.before, k.after]),
            st.sampled_from(EVENTS),
            st.sampled_from([Target.SRC, Target.DST, Target.PAGE, Target.STACK]),
            st.integers(-1, 2),
        ),
        min_size=1,
        max_size=3,
    ),
)
@settings(deadline=None, max_examples=25)
def test_the_compiled_code_stays_as_it_is(
    name: str, isa: str, order: int, edits: list[tuple[Any, str, Target, int]]
) -> None:
    """Whatever is written by hand and wherever it moves: without it the rest is the same."""

    def access(target: Target, away: int) -> Any:
        size = 64 if target is Target.PAGE else 8
        return lambda s: k.load(
            target, size * ((s.page if target is Target.PAGE else s.slot) + away)
        )

    def edited(fork: Any) -> Any:
        steps = built_in()[name].function(fork)
        for edit, event, target, away in edits:
            steps = edit(steps, event, access(target, away))
        return steps

    plain, more = (
        traced(built_in()[name].function, order=order, isa=isa),
        traced(edited, order=order, isa=isa),
    )
    kept = np.ones(len(more), np.bool_)
    kept[by_hand(more)] = False
    now = np.cumsum(kept) - 1
    for column in ("kind", "subkind", "address", "size_bytes", "target", "taken", "site"):
        assert np.array_equal(getattr(more, column)[kept], getattr(plain, column))
    inputs = more.inputs[kept][:, :MEMORY]
    assert np.array_equal(np.where(inputs >= 0, now[inputs], -1), plain.inputs[:, :MEMORY])
    assert (more.inputs < np.arange(len(more))[:, None]).all()
    rows = by_hand(more)
    assert (np.diff(rows) > 0).all()


def test_parts_of_a_step_have_names_and_numbers_of_their_own() -> None:
    trace = traced(looks())
    ends = np.append(trace.step_start[1:], len(trace))
    same: dict[int, bytes] = {}
    for step, (start, end) in enumerate(zip(trace.step_start, ends, strict=True)):
        content = trace.kind[start:end].tobytes() + trace.site[start:end].tobytes()
        assert same.setdefault(int(trace.step_id[step]), content) == content
    names = [trace.step_names[i] for i in set(trace.step_id) if i < len(trace.step_names)]
    assert names.count("get") > 1
