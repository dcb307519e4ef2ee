"""A cost is used again only where the state repeats: skipping changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Target, Uop
from costmodel.config.machine import Machine
from costmodel.config.workload import Workload
from costmodel.cpu import engine
from costmodel.cpu.engine import priced_programs
from costmodel.cpu.parameters import Parameters, parameters_of
from costmodel.cpu.program import Program, program_of
from costmodel.cpu.stack import Timing
from costmodel.cpu.state import NOTHING, empty_state, save_state
from costmodel.cpu.window import new_window
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs

from .build import ALTRA, M2, XEON, alu, load, machine, store, trace_of
from .draw import ARM64, X86, traces

COLD = machine(
    ALTRA,
    caches__l1__size_bytes="1 KiB",
    caches__l2__size_bytes="2 KiB",
    caches__llc__size_bytes="4 KiB",
    caches__llc__replacement="random",
)


def computed_in_full(runs: list[TableRun], on: Machine) -> Timing:
    """Run with every loop unrolled and every table computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "program_of", _unrolled)
        patch.setattr(engine, "_known", OrderedDict())
        patch.setattr(engine, "priced_programs", _each_its_own)
        return engine.run([replace(run, count=1) for run in runs for _ in range(run.count)], on)


def _unrolled(
    trace: Trace, on: Machine, classes: tuple[int, ...], page_classes: tuple[int, ...]
) -> Program:
    program = program_of(trace, on, classes, page_classes)
    parts = [
        (first, rows, 1, segment)
        for first, rows, groups, segment in program.parts.tolist()
        for _ in range(groups)
    ]
    return Program(**{**vars(program), "parts": np.array(parts, np.int64)})


def _each_its_own(
    runs: Sequence[TableRun], on: Machine, parameters: Parameters
) -> list[engine.Priced]:
    """Return a program for each table that no other one shares."""
    return [replace(priced) for priced in priced_programs(runs, on, parameters)]


@pytest.mark.parametrize("on", [ALTRA, M2, COLD], ids=["altra", "m2", "cold"])
@settings(max_examples=20, deadline=None)
@given(
    one=traces(ARM64, max_size=30, turns=40),
    other=traces(ARM64, max_size=30, turns=7),
    count=st.integers(1, 40),
)
def test_arm64(on: Machine, one: Trace, other: Trace, count: int) -> None:
    runs = [TableRun(one, count, 1), TableRun(other, 2, 1), TableRun(one, 3, 1)]
    assert engine.run(runs, on) == computed_in_full(runs, on)


@settings(max_examples=20, deadline=None)
@given(one=traces(X86, max_size=30, turns=40), count=st.integers(1, 40))
def test_x86(one: Trace, count: int) -> None:
    runs = [TableRun(one, count, 1)]
    assert engine.run(runs, XEON) == computed_in_full(runs, XEON)


def copy_loop(turns: int) -> Trace:
    uops: list[Uop] = []
    for turn in range(turns):
        at = len(uops)
        uops += [
            load(8 * turn, target=Target.SRC),
            load(64 * turn, target=Target.PAGE, address=[at]),
            *(alu(at + 1 + i) for i in range(20)),
            store(8 * turn, data=[at + 21], target=Target.DST),
        ]
    return trace_of(uops, step_start=range(0, len(uops), 23))


def test_a_copy_loop_is_found_and_mostly_skipped() -> None:
    trace = copy_loop(512)
    program = program_of(trace, ALTRA)
    _, rows, groups, _ = max(program.parts.tolist(), key=lambda part: part[1] * part[2])
    assert rows % (8 * 23) == 0, "eight PTEs share a line"
    assert rows * groups > 0.9 * len(trace)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 512, 1 << 20])
def test_counts_add_up(count: int) -> None:
    timing = engine.run([TableRun(copy_loop(64), count, 64)], ALTRA)
    assert sum(timing.counts) == count


@settings(max_examples=40, deadline=None)
@given(one=traces(ARM64, turns=3), count=st.integers(1, 5))
def test_stack_and_segments_sum_to_the_ticks_of_each_table(one: Trace, count: int) -> None:
    timing = engine.run([TableRun(one, count, 1)], ALTRA)
    for table in timing.costs:
        assert sum(table.stack_ticks.values()) == sum(table.segments.values()) == table.ticks
        assert min(table.stack_ticks.values(), default=0) >= 0
    assert sum(timing.stack_ticks.values()) == timing.ticks


@pytest.mark.parametrize("on", [ALTRA, M2, XEON], ids=["altra", "m2", "xeon"])
def test_the_empty_state_is_that_of_a_new_window(on: Machine) -> None:
    p = parameters_of(on)
    window, state = new_window(p.miss_registers), empty_state(p)
    saved = np.ones_like(state)
    window.now[0].atomic_began = -p.line_change
    save_state(p, window, NOTHING, saved)
    assert saved.tolist() == state.tolist()


def unmap(frames: str) -> list[TableRun]:
    workload = Workload(
        operation="zap",
        memory_bytes=4 << 20,
        folio_orders={2: 1.0},
        state="munmap",
        frames=frames,
    )
    strategy = built_in("zap")["v6.7"]
    return trace_runs(strategy, workload, XEON.isa, range_tlbi=False)


@pytest.mark.parametrize("frames", ["contiguous", "scattered"])
def test_an_unmap_has_one_price_however_its_loops_are_skipped(frames: str) -> None:
    runs = unmap(frames)
    assert engine.run(runs, XEON) == computed_in_full(runs, XEON)
