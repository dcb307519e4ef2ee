"""Many sequences of page tables in one call: each costs what it costs alone, to the tick."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind
from costmodel.config.machine import Machine
from costmodel.cpu import batch, engine
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.stack import Timing
from costmodel.uncertainty.sampling import drawn_machines
from costmodel.units import TICKS_PER_CYCLE

from .build import ALTRA, M2, XEON, machine, system, trace_of
from .draw import ARM64, X86, traces
from .loops import fork_loop

Asked = list[tuple[list[TableRun], Machine]]


def one_by_one(asked: Asked) -> list[Timing]:
    found = []
    for runs, on in asked:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "_known", OrderedDict())
            found.append(engine.run(runs, on))
    return found


def together(asked: Asked) -> list[Timing]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_known", OrderedDict())
        return engine.run_together(asked)


def on_drawn(traces: list[Trace], on: Machine) -> Asked:
    """Return some tables on all machines drawn for one, and in other orders on the machine."""
    runs = [TableRun(trace, 3 + at, 1) for at, trace in enumerate(traces)]
    alone = [([run], on) for run in runs]
    return [*((runs, each) for each in drawn_machines(on)), *alone, (runs[::-1], on), ([], on)]


@pytest.mark.parametrize("on", [ALTRA, M2], ids=["altra", "m2"])
@settings(max_examples=4, deadline=None)
@given(drawn=st.lists(traces(ARM64, max_size=30, turns=20), min_size=1, max_size=3))
def test_arm64(on: Machine, drawn: list[Trace]) -> None:
    asked = on_drawn(drawn, on)
    assert together(asked) == one_by_one(asked)


@settings(max_examples=4, deadline=None)
@given(drawn=st.lists(traces(X86, max_size=30, turns=20), min_size=1, max_size=3))
def test_x86(drawn: list[Trace]) -> None:
    asked = on_drawn(drawn, XEON)
    assert together(asked) == one_by_one(asked)


def test_machines_with_any_number_of_miss_registers_are_computed_together() -> None:
    runs = [TableRun(fork_loop(64, "arm64"), 5, 64)]
    asked = [(runs, machine(ALTRA, caches__miss_registers=n)) for n in (6, 20, 6, 3)]
    assert together(asked) == one_by_one(asked)


def test_a_lane_with_more_states_than_there_is_room_for_is_computed_with_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fork = TableRun(fork_loop(64, "arm64"), 5, 64)
    runs = [fork, TableRun(fork_loop(16, "arm64"), 2, 16), fork, TableRun(fork.trace, 600, 64)]
    asked = [
        (runs, machine(ALTRA, atomics__store_only_cycles=cycles)) for cycles in (4.0, 4.3, 5.1)
    ]
    before = together(asked)
    monkeypatch.setattr(batch, "_MOST", 2)
    monkeypatch.setattr(batch, "_MORE", 2)
    assert together(asked) == before
    assert before[0].ticks < before[1].ticks < before[2].ticks


def test_more_than_one_call_takes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [TableRun(fork_loop(16, "arm64"), 2, 16)]
    asked = [(runs, each) for each in drawn_machines(ALTRA)]
    before = together(asked)
    monkeypatch.setattr(engine, "TOGETHER", 5)
    assert together(asked) == before


def test_an_order_lists_a_cycle_of_tables_that_repeats() -> None:
    """Four micro-ops per cycle and five per table: four tables in turn take five cycles."""
    assert parameters_of(ALTRA).width == 4
    found = engine.run([TableRun(trace_of([system(Kind.NOP)] * 5), 512, 1)], ALTRA)
    assert sum(count for _, count in found.order) == 512
    tables, times = max(found.groups, key=lambda group: group[1])
    assert times > 100 and len(tables) == 4 and len({cost for cost, _ in tables}) == 2
    assert sum(found.costs[cost].ticks for cost, _ in tables) == 5 * TICKS_PER_CYCLE
