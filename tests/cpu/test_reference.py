"""Two implementations, one answer: the same ticks, by the same causes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target, prefetch
from costmodel.config.machine import Machine, load_machine
from costmodel.cpu import engine, reference
from costmodel.cpu.stack import Cause

from .build import ALTRA, M2, XEON, alu, branch, load, machine, rmw, store, system, trace_of
from .draw import ARM64, X86, traces
from .loops import fork_loop

SMALL = {
    "core__rob_entries": 12,
    "core__load_queue_entries": 4,
    "core__store_queue_entries": 3,
    "core__width": 2,
    "core__retire_width": 2,
    "caches__miss_registers": 2,
}
# So small that every new line of a struct page or a page table misses, to DRAM in part.
COLD = {
    "caches__l1__size_bytes": "1 KiB",
    "caches__l2__size_bytes": "2 KiB",
    "caches__llc__size_bytes": "4 KiB",
    "caches__llc__replacement": "random",
    "caches__dtlb__l1_entries": 1,
    "caches__dtlb__l2_entries": 2,
}
# Every limit that a machine file may leave out.
FRONT = {
    "core__access_dispatch_width": 1,
    "core__branches_in_flight": 3,
    "core__calls_in_flight": 1,
    "core__results_in_flight": 4,
    "core__fetch_width": 2,
    "core__fetch_queue_entries": 5,
    "core__taken_branches_per_cycle": 0.7,
    "core__small_loop_entries": 20,
    "core__branch_targets": 6,
    "core__small_loop_taken_branches_per_cycle": 1.3,
    "core__call_return_cycles": 2.3,
    "core__address_units": 1,
    "core__branches_take_alu_ports": True,
    "core__mul_ports": 1,
    "core__mul_cycles": 2.6,
    "core__store_commit_cycles": 1.4,
    "core__store_line_commit_cycles": 2.3,
    "core__eliminates_immediates": False,
    "core__eliminates_zero_idioms": False,
    "caches__l2__cycles_per_line": 3.3,
    "caches__l2__write_back_cycles": 6.7,
    "caches__llc__ns_per_line": 4.0,
    "caches__dram__ns_per_line": 20.0,
    "caches__prefetch__llc_ns_per_line": 1.3,
    "mitigations__returns_mispredict": True,
    "mitigations__return_cycles": 1.7,
    "mitigations__indirect_cycles": 7.3,
}
TIGHT = {
    name: machine(base, **SMALL, **COLD, **FRONT)
    for name, base in (("altra", ALTRA), ("m2", M2), ("xeon", XEON))
}
M2_PAIRS = machine(M2, caches__line_bytes=128, **COLD)
FAR = machine(
    ALTRA,
    atomics__far=True,
    atomics__far_ns=41.3,
    caches__prefetch__trains_after_lines=1,
    **COLD,
)
MILAN = load_machine("epyc-milan")
IN_TURN = machine(
    MILAN,
    **SMALL,
    **COLD,
    core__store_dispatch_width=1,
    atomics__locked_in_flight=2,
    atomics__locked_alu_operations=3,
)
OLDEST = machine(
    MILAN,
    **SMALL,
    **COLD,
    atomics__locked_oldest=True,
    atomics__locked_cycles=19.7,
    atomics__locked_retires_cycles=16.3,
)
REFUSING = machine(load_machine("sapphire-rapids"), **SMALL, **COLD)
ONE_ATOMIC = machine(ALTRA, **COLD, **FRONT, atomics__in_flight=1, atomics__store_only_cycles=5.3)


def assert_equal(runs: list[TableRun], on: Machine) -> None:
    assert engine.run(runs, on) == reference.run(runs, on)


@pytest.mark.parametrize(
    "on",
    [ALTRA, M2_PAIRS, FAR, ONE_ATOMIC, TIGHT["altra"], TIGHT["m2"]],
    ids=["altra", "m2", "far", "one-atomic", "tight-altra", "tight-m2"],
)
@settings(max_examples=25, deadline=None)
@given(one=traces(ARM64, turns=2), other=traces(ARM64))
def test_random_arm64_traces(on: Machine, one: Trace, other: Trace) -> None:
    assert_equal([TableRun(one, 2, 1), TableRun(other, 1, 1), TableRun(one, 1, 1)], on)


@pytest.mark.parametrize(
    "on",
    [XEON, TIGHT["xeon"], MILAN, IN_TURN, OLDEST, REFUSING],
    ids=["xeon", "tight", "milan", "in-turn", "oldest", "refusing"],
)
@settings(max_examples=25, deadline=None)
@given(one=traces(X86, turns=2), other=traces(X86))
def test_random_x86_traces(on: Machine, one: Trace, other: Trace) -> None:
    assert_equal([TableRun(one, 2, 1), TableRun(other, 1, 1), TableRun(one, 1, 1)], on)


@settings(max_examples=15, deadline=None)
@given(
    one=traces(ARM64, max_size=24, turns=24),
    on=st.sampled_from([ALTRA, M2_PAIRS, FAR, ONE_ATOMIC, TIGHT["altra"]]),
)
def test_loops_whose_turns_are_not_computed(one: Trace, on: Machine) -> None:
    assert_equal([TableRun(one, 3, 1)], on)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize(
    "on",
    [ALTRA, M2_PAIRS, FAR, ONE_ATOMIC, XEON, MILAN, IN_TURN, OLDEST, REFUSING, *TIGHT.values()],
    ids=lambda m: m.name,
)
def test_the_copy_loop(on: Machine, scattered: bool) -> None:
    runs = [TableRun(fork_loop(48, on.isa, scattered=scattered), 3, 48)]
    assert_equal(runs, on)


def test_cold_machines_are_cold() -> None:
    runs = [TableRun(fork_loop(96, "arm64", scattered=True), 3, 96)]
    causes = engine.run(runs, TIGHT["altra"]).stack_ticks
    assert {Cause.L2, Cause.DRAM, Cause.TLB} <= set(causes)
    stream = [TableRun(fork_loop(400, "arm64"), 3, 400)]
    # Else atomics hide the stream.
    quick = machine(
        FAR,
        atomics__far=False,
        atomics__line_change_cycles=1.0,
        atomics__store_only_cycles=1.0,
        caches__prefetch__depth_lines=4,
    )
    assert Cause.PREFETCH in engine.run(stream, quick).stack_ticks


@pytest.mark.parametrize("queue", [4, 16])
@pytest.mark.parametrize("kind", [Kind.RET, Kind.CALL])
def test_fetch_that_lags_asks_when_old_rows_left_its_queue(queue: int, kind: Kind) -> None:
    on = machine(
        XEON,
        **SMALL | {"core__width": 4, "core__retire_width": 4, "core__load_queue_entries": 8},
        **COLD,
        core__fetch_width=4,
        core__taken_branches_per_cycle=0.25,
        core__call_return_cycles=8.0,
        core__fetch_queue_entries=queue,
    )
    for nops in (11, 14):
        one = trace_of([load(7 * 4096, target=Target.PAGE)] + [system(Kind.NOP)] * nops)
        for lead in range(8):
            rest = [system(Kind.NOP)] * lead + [system(kind)] * 2 + [alu()] * 6
            two = trace_of(rest)
            assert_equal([TableRun(one, 1, 1, 1e9), TableRun(two, 1, 1, 1e9)], on)


def test_a_locked_operation_does_not_wait_for_a_prefetch() -> None:
    """It waits for older loads alone. The prefetch waits long for the register that stores hold."""
    lines = (store(4096 * i, target=Target.PAGE) for i in range(3))
    ahead = prefetch(Target.PAGE, 4096 * 3)
    lock = rmw(Subkind.RMW_LOCKED, target=Target.PAGE)
    one = trace_of([*lines, ahead, lock, alu(4)])
    on = machine(MILAN, **COLD, caches__miss_registers=1)
    assert_equal([TableRun(one, 1, 1, 1e9)], on)


def test_what_is_forwarded_does_not_wait_for_its_line() -> None:
    """The store has its data late, and its line, the load's too, is known later still."""
    lock = rmw(Subkind.RMW_LOCKED, 448, target=Target.DST)
    late = store(1664, data=[0], target=Target.SRC)
    one = trace_of([lock, late, load(1664, target=Target.SRC), branch(False, 2)])
    assert_equal([TableRun(one, 1, 1)], REFUSING)
