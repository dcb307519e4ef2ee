"""What a strategy yields becomes rows."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest

from costmodel.code import yields as module
from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.trace import ADDRESS, DATA, Trace
from costmodel.code.uops import (
    Kind,
    Subkind,
    Target,
    Uop,
    Value,
    alu,
    branch,
    dmb,
    load,
    rmw,
    store,
)
from costmodel.code.yields import run_through
from costmodel.user_code.blame import StrategyError

PROGRAM = "v6.7.arm64_nocontpte"
BEGIN = Step("set", -1, -1, -1)


def traced(steps: Any, program: str = PROGRAM) -> Trace:
    return build(
        recorder_of("fork", program).record(steps, BEGIN), load_library("fork", program), "fork"
    )


def test_a_yield_answers_with_a_value_that_names_its_result() -> None:
    def steps() -> Generator[Uop, Value, None]:
        pte = yield load(Target.SRC, 0)
        doubled = yield alu(pte)
        yield branch("none?", doubled, taken=False)
        yield store(Target.DST, 8, address=(pte,), data=(doubled,))

    trace = traced(steps())
    assert trace.kind.tolist() == [Kind.LOAD, Kind.ALU, Kind.BRANCH, Kind.STORE]
    assert trace.inputs[1].tolist() == [0, -1, -1, -1, -1]
    assert trace.inputs[2, 0] == 1
    assert trace.inputs[3, ADDRESS].tolist() == [0, -1]
    assert trace.inputs[3, DATA].tolist() == [1, -1]
    assert trace.taken.tolist() == [-1, -1, 0, -1]


def test_loads_find_the_youngest_store_to_their_bytes() -> None:
    def steps() -> Iterator[Uop]:
        yield store(Target.PAGE, 48, size_bytes=4)
        yield rmw(Target.PAGE, 52, size_bytes=4)
        yield load(Target.PAGE, 48, size_bytes=8)
        yield load(Target.PAGE, 56, size_bytes=8)

    assert traced(steps()).inputs[:, 4].tolist() == [-1, -1, 1, -1]


def test_atomics_are_locked_on_x86() -> None:
    atomic = rmw(Target.PAGE, 0, subkind=Subkind.RMW_STORE)
    assert traced([atomic]).subkind.tolist() == [Subkind.RMW_STORE]
    assert traced([atomic], "v6.7.x86_64").subkind.tolist() == [Subkind.RMW_LOCKED]


def test_a_memory_barrier_of_x86_is_a_locked_operation_on_the_stack() -> None:
    assert traced([dmb()]).kind.tolist() == [Kind.DMB]
    trace = traced([dmb()], "v6.7.x86_64")
    assert (trace.kind.tolist(), trace.subkind.tolist()) == ([Kind.RMW], [Subkind.RMW_LOCKED])
    assert trace.target.tolist() == [Target.STACK]


def test_a_step_is_the_recorded_fragment_up_to_its_event() -> None:
    trace = traced([Step("read", 0, 7, 7), Step("get", 0, 7, 7)])
    last = len(trace) - 1
    assert (trace.kind[last], trace.target[last]) == (Kind.RMW, Target.PAGE)
    assert trace.address[last] % (1 << 44) == 7 * 64 + 52
    assert [trace.step_names[i] for i in trace.step_id] == ["read", "get"]


def test_an_event_left_out_takes_just_its_own_row_along() -> None:
    def order_0(*events: str) -> list[Step]:
        return [Step(event, 0, 7, 7, 12) for event in events]

    whole = traced(order_0("read", "get", "clear_exclusive", "map", "wrprotect", "set"))
    fewer = traced(order_0("read", "get", "clear_exclusive", "wrprotect", "set"))
    assert len(whole) - len(fewer) == 1
    assert whole.kinds()["rmw"] - fewer.kinds()["rmw"] == 1
    sites = whole.site.tolist()
    removed = next(i for i, site in enumerate(fewer.site) if sites[i] != site)
    assert np.delete(whole.site, removed).tolist() == fewer.site.tolist()


@pytest.mark.parametrize(
    ("item", "got"),
    [(42, "42, an int"), (None, "nothing"), ((), "a tuple"), ("map", "'map'")],
)
def test_only_steps_and_micro_ops_may_be_yielded(item: object, got: str) -> None:
    with pytest.raises(StrategyError, match="must yield steps or micro-ops") as caught:
        traced(iter([item]))
    assert caught.value.got == got


@pytest.mark.parametrize("value", [1, -1, None, 0.5])
def test_micro_ops_wait_for_answers_only(value: Any) -> None:
    with pytest.raises(StrategyError, match="waits for what no yield before has answered"):
        traced([alu(), alu(value)])


def test_places_are_whole_numbers() -> None:
    with pytest.raises(StrategyError, match=r"not whole numbers \(got Step"):
        traced([Step("read", 0.5, 7, 7)])  # type: ignore[arg-type]


def test_traits_that_nothing_knows_are_no_reason_to_stay() -> None:
    usual, odd = (traced([Step("read", 0, 7, 7, traits)]) for traits in (0, -1 << 40))
    assert len(odd) == len(usual)


def test_a_step_answers_with_its_last_row() -> None:
    def steps() -> Generator[Step | Uop, Value, None]:
        read = yield Step("read", 0, 7, 7)
        yield Step("get", 0, 7, 7)
        yield alu(read)

    trace = traced(steps())
    assert trace.inputs[-1, 0] == trace.step_start[1] - 1


def test_an_event_that_was_never_recorded() -> None:
    with pytest.raises(StrategyError, match=r"never recorded \(got 'gather'\)"):
        traced([Step("gather", 0, 0, 0)])


def test_an_error_knows_where_the_generators_stood() -> None:
    def inner() -> Iterator[object]:
        yield "wrong"

    def outer() -> Iterator[object]:
        yield from inner()

    with pytest.raises(StrategyError) as caught:
        traced(outer())
    first = inner.__code__.co_firstlineno
    assert caught.value.places == ((__file__, first + 4), (__file__, first + 1))


@pytest.mark.parametrize("run", [traced, run_through])
def test_garbage_is_collected_again_whatever_happens(run: Any) -> None:
    def fails() -> Iterator[Uop]:
        assert not gc.isenabled()
        yield alu()
        raise KeyError

    with pytest.raises(KeyError):
        run(fails())
    assert gc.isenabled()


@pytest.mark.parametrize("run", [traced, run_through])
def test_strategies_without_end(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 100)

    def endless() -> Iterator[Uop]:
        while True:
            yield alu()

    with pytest.raises(StrategyError, match="does not end: 101 steps"):
        run(endless())
