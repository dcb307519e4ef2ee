"""Two implementations, one answer: the same ticks, by the same causes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import Machine
from costmodel.cpu import engine, reference
from costmodel.cpu.stack import Cause

from .build import ALTRA, M2, XEON, machine
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
TIGHT = {
    name: machine(base, **SMALL, **COLD)
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


def assert_equal(runs: list[TableRun], on: Machine, cpus: int = 1) -> None:
    assert engine.run(runs, on, cpus=cpus) == reference.run(runs, on, cpus=cpus)


@pytest.mark.parametrize(
    "on",
    [ALTRA, M2_PAIRS, FAR, TIGHT["altra"], TIGHT["m2"]],
    ids=["altra", "m2", "far", "tight-altra", "tight-m2"],
)
@settings(max_examples=25, deadline=None)
@given(one=traces(ARM64, turns=2), other=traces(ARM64), cpus=st.integers(1, 3))
def test_random_arm64_traces(on: Machine, one: Trace, other: Trace, cpus: int) -> None:
    assert_equal([TableRun(one, 2, 1), TableRun(other, 1, 1), TableRun(one, 1, 1)], on, cpus)


@pytest.mark.parametrize("on", [XEON, TIGHT["xeon"]], ids=["xeon", "tight"])
@settings(max_examples=25, deadline=None)
@given(one=traces(X86, turns=2), other=traces(X86))
def test_random_x86_traces(on: Machine, one: Trace, other: Trace) -> None:
    assert_equal([TableRun(one, 2, 1), TableRun(other, 1, 1), TableRun(one, 1, 1)], on)


@settings(max_examples=15, deadline=None)
@given(
    one=traces(ARM64, max_size=24, turns=24),
    on=st.sampled_from([ALTRA, M2_PAIRS, FAR, TIGHT["altra"]]),
)
def test_loops_whose_turns_are_not_computed(one: Trace, on: Machine) -> None:
    assert_equal([TableRun(one, 3, 1)], on)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("on", [ALTRA, M2_PAIRS, FAR, XEON, *TIGHT.values()], ids=lambda m: m.name)
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
        FAR, atomics__far=False, atomics__line_change_cycles=1.0, atomics__store_only_cycles=1.0
    )
    assert Cause.PREFETCH in engine.run(stream, quick).stack_ticks
