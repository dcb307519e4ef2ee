"""Numbers that a program does not look at change nothing, so its answer may be used again."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import Machine
from costmodel.cpu import engine
from costmodel.cpu.batch import Lane, computed
from costmodel.cpu.parameters import (
    ONLY_FOR,
    Parameters,
    cycles_to_ticks,
    ns_to_ticks,
    parameters_of,
    relevant,
)
from costmodel.cpu.program import program_of
from costmodel.units import ticks_to_ps

from .build import ALTRA, XEON, alu, load, machine, trace_of
from .draw import ARM64, X86, traces


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(ALTRA), traces(ARM64, max_size=20, turns=2)),
        st.tuples(st.just(XEON), traces(X86, max_size=20, turns=2)),
    ),
    st.integers(1, 999),
)
def test_only_some_micro_ops_look_at_some_numbers(drawn: tuple[object, Trace], other: int) -> None:
    on, trace = drawn
    parameters = parameters_of(on)  # type: ignore[arg-type]
    runs = [TableRun(trace, 2, 1)]
    priced = engine.priced_programs(runs, on, parameters)  # type: ignore[arg-type]
    ops = program_of(trace, on).ops  # type: ignore[arg-type]
    changed = {
        name: 1 - parameters.tlbi_posted if name == "tlbi_posted" else other
        for name, users in ONLY_FOR.items()
        if not ops & set(users)
    }
    if "mul_ports" in changed:
        changed["mul_ports"] = 1 + other % 16  # as many as a machine file may have
    others = parameters._replace(**changed)
    assert relevant(others, ops) == relevant(parameters, ops)
    one, other_lane = (Lane(numbers, priced, [2]) for numbers in (parameters, others))
    assert computed([other_lane]) == computed([one])


def test_an_answer_is_used_again_only_where_nothing_that_matters_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_known", OrderedDict())
    runs = [TableRun(trace_of([load(0), alu(0)]), 3, 1)]
    before = engine.run(runs, ALTRA)
    assert engine.run(runs, machine(ALTRA, atomics__cas_cycles=77.0)) == before
    assert len(engine._known) == 1
    assert engine.run(runs, machine(ALTRA, caches__l1__latency_cycles=9.0)).ticks > before.ticks
    assert engine.run([TableRun(runs[0].trace, 4000, 1)], ALTRA).ticks > before.ticks
    assert len(engine._known) == 3


def of(base: Machine, **values: object) -> Parameters:
    return parameters_of(machine(base, **values))


def test_time_inside_the_core_goes_by_sixteenths_of_a_cycle() -> None:
    assert [cycles_to_ticks(cycles) for cycles in (4, 1, 0.5, 0.1)] == [64, 16, 8, 2]
    assert cycles_to_ticks(0) == cycles_to_ticks(0.01) == 1, "nothing takes no time at all"
    assert ns_to_ticks(10, 3.0) == 30 * 16
    assert ticks_to_ps(48, 3.0) == 1000
    assert parameters_of(ALTRA).system == 4 * 16, "reading a system register: four cycles"


def test_times_in_ns_are_so_many_cycles_at_the_clock_of_the_core() -> None:
    on = of(
        ALTRA, core__clock_ghz=3.0, caches__l2__cycles_per_line=2.0,
        caches__l2__write_back_cycles=1.5,
        caches__llc__latency_ns=20.0, caches__dram__latency_ns=100.0,
        caches__llc__ns_per_line=0.5, caches__dram__ns_per_line=2.0,
        caches__prefetch__ns_per_line=1.0, caches__prefetch__llc_ns_per_line=0.0,
        kernel__zero_bytes_per_ns=32.0, tlbi__issue_ns=5.0, tlbi__broadcast_ns=50.0,
    )  # fmt: skip
    tick_per_ns = 3 * 16
    assert (on.llc, on.dram) == (20 * tick_per_ns, 100 * tick_per_ns)
    assert (on.l2_gap, on.llc_gap, on.dram_gap) == (32, tick_per_ns // 2, 2 * tick_per_ns)
    assert on.write_back == 24
    assert (on.stream_gap, on.llc_stream_gap) == (tick_per_ns, tick_per_ns), "0: as out of memory"
    assert on.zero_line == 2 * tick_per_ns, "64 bytes at 32 per ns"
    assert (on.tlbi_issue, on.broadcast) == (5 * tick_per_ns, 50 * tick_per_ns)
    faster = of(ALTRA, core__clock_ghz=3.0, caches__prefetch__llc_ns_per_line=0.25)
    assert faster.llc_stream_gap == tick_per_ns // 4


def test_an_invalidation_is_posted_where_a_barrier_waits_for_it() -> None:
    assert (parameters_of(ALTRA).tlbi_posted, parameters_of(XEON).tlbi_posted) == (1, 0)


NO_LIMIT = {
    "core__taken_branches_per_cycle": 64.0, "core__small_loop_taken_branches_per_cycle": 64.0,
    "core__call_return_cycles": 0.0, "mitigations__return_cycles": 0.0, "core__width": 4,
    "core__fetch_width": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "fetches"),
    [
        ({}, 0),
        ({"core__fetch_width": 3}, 1),
        ({"core__fetch_width": 6}, 0),
        ({"core__taken_branches_per_cycle": 0.5}, 1),
        ({"core__taken_branches_per_cycle": 16.0}, 1),
        ({"core__small_loop_taken_branches_per_cycle": 1.0}, 1),
        ({"core__call_return_cycles": 1.0}, 1),
        ({"mitigations__return_cycles": 0.1}, 1),
    ],
)
def test_fetch_is_looked_at_where_anything_limits_it(
    changed: dict[str, object], fetches: int
) -> None:
    assert of(XEON, **(NO_LIMIT | changed)).fetches == fetches


def test_so_many_taken_branches_per_cycle_are_so_far_apart() -> None:
    def apart(rate: float) -> int:
        return of(XEON, core__taken_branches_per_cycle=rate).taken

    assert [apart(rate) for rate in (0.5, 1.0, 2.0, 64.0)] == [32, 16, 8, 0]


def test_fetch_runs_ahead_no_farther_than_the_reorder_buffer() -> None:
    def ahead(entries: int) -> int:
        return of(XEON, core__rob_entries=100, core__fetch_queue_entries=entries).fetch_queue

    assert [ahead(entries) for entries in (40, 100, 200)] == [40, 100, 100]


@pytest.mark.parametrize(
    ("retires", "until_retired", "until_written"),
    [(12.0, 12, 8), (0.0, 20, 0), (20.0, 20, 0), (30.0, 30, 0)],
)
def test_a_locked_operation_need_not_retire_when_its_write_is_done(
    retires: float, until_retired: int, until_written: int
) -> None:
    """Of 20 cycles in all; 0 stands for a core on which both are one."""
    on = of(XEON, atomics__locked_cycles=20.0, atomics__locked_retires_cycles=retires)
    assert (on.locked, on.locked_writes) == (16 * until_retired, 16 * until_written)


@pytest.mark.parametrize(
    ("alone", "oldest", "waits"),
    [(False, False, (0, 0)), (False, True, (0, 1)), (True, False, (1, 0)), (True, True, (1, 0))],
)
def test_a_locked_operation_that_is_alone_need_not_be_the_oldest(
    alone: bool, oldest: bool, waits: tuple[int, int]
) -> None:
    on = of(XEON, atomics__locked_alone=alone, atomics__locked_oldest=oldest)
    assert (on.locked_alone, on.locked_oldest) == waits


def test_limits_of_what_is_in_flight_count_below_the_reorder_buffer_only() -> None:
    def limits(count: int) -> tuple[int, int]:
        small = {f"core__{name}_entries": 64 for name in ("rob", "load_queue", "store_queue")}
        on = of(XEON, atomics__locked_in_flight=count, **small)
        return of(ALTRA, atomics__in_flight=count, **small).in_flight, on.locked_in_flight

    assert [limits(count) for count in (2, 63, 64)] == [(2, 2), (63, 63), (0, 0)]


def test_a_locked_operation_has_no_more_alu_operations_than_ports() -> None:
    def taken(count: int) -> int:
        return of(XEON, core__alu_ports=4, atomics__locked_alu_operations=count).locked_alus

    assert [taken(count) for count in (1, 4, 6)] == [1, 4, 4]


def test_stores_leave_at_the_rate_of_their_ports_unless_the_machine_says_else() -> None:
    assert of(XEON, core__store_ports=2, core__store_commit_cycles=0.0).store_drain == 8
    assert of(XEON, core__store_ports=2, core__store_commit_cycles=3.0).store_drain == 48


def test_stores_to_other_lines_leave_as_those_to_one_unless_the_machine_says_else() -> None:
    same = of(XEON, core__store_commit_cycles=3.0, core__store_line_commit_cycles=0.0)
    other = of(XEON, core__store_commit_cycles=3.0, core__store_line_commit_cycles=4.0)
    assert (same.store_line_drain, other.store_line_drain) == (48, 64)
