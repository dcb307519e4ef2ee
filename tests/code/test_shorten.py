"""Shortened traces cost what whole ones cost, because their programs are the same row for row."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.runs import trace_runs
from costmodel.code.shorten import moves_evenly
from costmodel.code.trace import EVEN_BYTES, TableRun
from costmodel.code.uops import Kind, Target
from costmodel.config.machine import Machine, load_machine
from costmodel.config.workload import Workload
from costmodel.cpu import engine
from costmodel.cpu.caches import footprint_bytes
from costmodel.cpu.engine import Priced, priced_programs
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.tlb import footprint_pages
from costmodel.operations.zap.reuse import touched_bytes
from costmodel.strategies.catalogue import built_in

MACHINES = [load_machine(name) for name in ("ampere-altra", "apple-m2-vm", "xeon-4210r")]
NAMES = list(built_in())
WRITABLE: str = "writable"
STATES: tuple[str, ...] = (WRITABLE, "read-only")


def run_of(name: str, orders: dict[int, float], state: str, machine: Machine) -> TableRun:
    workload = Workload(operation="fork", memory_bytes=2 << 20, folio_orders=orders, state=state)
    (run,) = trace_runs(built_in()[name], workload, machine.isa, range_tlbi=False)
    return run


def unmaps_of(name: str, order: int, state: str, machine: Machine) -> list[TableRun]:
    workload = Workload(
        operation="zap", memory_bytes=2 << 20, folio_orders={order: 1.0}, state=state
    )
    strategy = built_in("zap")[name]
    runs = trace_runs(strategy, workload, machine.isa, range_tlbi=False)
    return [run for run in runs if run.ptes]


def in_full(run: TableRun) -> TableRun:
    return replace(run, trace=run.trace.in_full())


def priced(run: TableRun, machine: Machine) -> Priced:
    (found,) = priced_programs([run], machine, parameters_of(machine))
    return found


def assert_same(run: TableRun, machine: Machine) -> None:
    whole = in_full(run)
    assert run.trace.kinds() == whole.trace.kinds()
    line_bytes = machine.caches.line_bytes.value
    assert footprint_bytes([run], line_bytes) == footprint_bytes([whole], line_bytes)
    block_bytes = machine.kernel.linear_map_bytes.value
    assert footprint_pages([run], block_bytes) == footprint_pages([whole], block_bytes)
    short, full = priced(run, machine), priced(whole, machine)
    rows, expected = short.program.unrolled()[0], full.program.unrolled()[0]
    assert rows.shape == expected.shape
    assert np.array_equal(rows, expected)
    assert np.array_equal(short.costs.access, full.costs.access)
    assert np.array_equal(short.costs.page, full.costs.page)
    assert short.weights == full.weights


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("name", NAMES)
def test_programs_are_the_same_row_for_row(name: str, machine: Machine) -> None:
    if machine.isa not in built_in()[name].programs:
        pytest.skip("does not exist there")
    for order, state in ((0, STATES[1]), (4, STATES[0]), (9, STATES[1])):
        run = run_of(name, {order: 1.0}, state, machine)
        if run.trace.repeat is not None:
            assert_same(run, machine)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("state", ["exit", "munmap"])
def test_unmaps_are_the_same_row_for_row(state: str, machine: Machine) -> None:
    for order in (0, 9):
        (run,) = unmaps_of("v6.7", order, state, machine)
        assert run.trace.repeat is not None
        assert touched_bytes([run]) == touched_bytes([in_full(run)])
        assert_same(run, machine)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize(("name", "order"), [("v6.7", 0), ("v6.7", 9), ("folio-batch-v6.9", 4)])
def test_most_of_a_loop_is_left_out(name: str, order: int, machine: Machine) -> None:
    run = run_of(name, {order: 1.0}, WRITABLE, machine)
    assert run.trace.repeat is not None
    assert 4 * len(run.trace) < len(run.trace.in_full())


@settings(deadline=None, max_examples=10)
@given(
    name=st.sampled_from(NAMES),
    machine=st.sampled_from(MACHINES),
    state=st.sampled_from(STATES),
    orders=st.dictionaries(st.integers(0, 9), st.integers(1, 8), min_size=1, max_size=2),
    l1_kib=st.sampled_from([8, 16, 32, 128]),
    trains_after=st.integers(1, 8),
    history=st.sampled_from([1, 4, 16, 64]),
)
def test_any_layout_on_any_machine(
    name: str,
    machine: Machine,
    state: str,
    orders: dict[int, int],
    l1_kib: int,
    trains_after: int,
    history: int,
) -> None:
    """Small caches: the cleared child table leaves the L1 on the way, and turns differ."""
    if machine.isa not in built_in()[name].programs:
        return
    shares = {order: part / sum(orders.values()) for order, part in orders.items()}
    other = machine.with_values(
        {
            "caches.l1.size_bytes": f"{l1_kib} KiB",
            "caches.prefetch.trains_after_lines": trains_after,
            "core.branch_history_length": history,
        }
    )
    run = run_of(name, shares, state, other)
    assert_same(run, other)
    assert engine.run([run], other) == engine.run([in_full(run)], other)


def test_scattered_frames_do_not_move_evenly() -> None:
    workload = Workload(
        operation="fork",
        memory_bytes=2 << 20,
        folio_orders={0: 1.0},
        frames="scattered",
        state=WRITABLE,
    )
    (run,) = trace_runs(built_in()["v6.7"], workload, "arm64", range_tlbi=False)
    assert run.trace.repeat is None


def test_a_loop_that_others_meet_stays_whole() -> None:
    trace = copy(run_of("v6.7", {0: 1.0}, WRITABLE, MACHINES[0]).trace)
    repeat = trace.repeat
    assert repeat is not None
    assert moves_evenly(trace, repeat)
    pages = np.flatnonzero((trace.target == Target.PAGE) & (trace.kind == Kind.LOAD))
    ahead = pages[pages < repeat.first - repeat.before * repeat.rows][0]
    inside = pages[pages >= repeat.first][0]
    behind = pages[pages >= repeat.end + repeat.rows][-1]
    # A step behind comes back to the first page; one ahead of the loop looks at a later page.
    for row, address in (
        (behind, trace.address[ahead]),
        (ahead, trace.address[inside] + 50 * EVEN_BYTES),
    ):
        moved = trace.address.copy()
        moved[row] = address
        assert not moves_evenly(replace(trace, address=moved), repeat)


def test_machines_on_which_executions_differ_get_the_whole_trace() -> None:
    """A prefetcher that trains for longer than the turns before the repeat."""
    machine = MACHINES[0].with_value("caches.prefetch.trains_after_lines", 64)
    run = run_of("v6.7", {0: 1.0}, WRITABLE, machine)
    assert run.trace.repeat is not None
    assert len(priced(run, machine).program.trace_rows()) == len(
        priced(in_full(run), machine).program.trace_rows()
    )
    assert_same(run, machine)
