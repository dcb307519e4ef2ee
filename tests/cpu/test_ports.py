"""Ports: what they let through, at any part of a cycle, in both engines."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.config.core import Core
from costmodel.config.machine import Machine, load_machine
from costmodel.config.parameter import Bounds
from costmodel.cpu import engine, reference
from costmodel.cpu.stack import Timing
from costmodel.cpu.window import PORTS
from costmodel.units import TICKS_PER_CYCLE

from .build import ALTRA, XEON, alu, load, machine, rmw, system, trace_of
from .draw import ARM64, X86, traces
from .loops import fork_loop

MILAN = load_machine("epyc-milan")
# Only ports are few.
WIDE = {
    "core__width": 32,
    "core__fetch_width": 32,
    "core__retire_width": 32,
    "core__access_dispatch_width": 32,
    "core__branches_take_alu_ports": True,
}
NARROW = {
    "core__alu_ports": 1,
    "core__branch_ports": 1,
    "core__branches_take_alu_ports": True,
    "core__load_ports": 1,
    "core__store_ports": 1,
    "core__address_units": 1,
    "core__mul_ports": 1,
    "core__mul_latency_cycles": 2.6,
    "core__mul_cycles": 2.3,
    "caches__l1__latency_cycles": 4.3,
}
LINE_BYTES = 64


def in_both(runs: list[TableRun], on: Machine) -> Timing:
    timing = engine.run(runs, on)
    assert timing == reference.run(runs, on)
    return timing


def shifted(on: Machine, ticks: int) -> tuple[Machine, Uop]:
    """Return what nothing younger passes, and the machine on which it takes 40 ticks and some."""
    ticks += 40
    if on.isa == "arm64":
        return machine(on, barriers__isb_cycles=ticks / TICKS_PER_CYCLE), system(Kind.ISB)
    rate = LINE_BYTES * TICKS_PER_CYCLE * on.core.clock_ghz.value / ticks
    zero = Uop(Kind.ZERO, Subkind.ZERO_BLOCK, target=Target.SRC, size_bytes=LINE_BYTES)
    return machine(on, kernel__zero_bytes_per_ns=rate), zero


@pytest.mark.parametrize(
    ("base", "kinds"), [(ALTRA, ARM64), (XEON, X86), (MILAN, X86)], ids=["altra", "xeon", "milan"]
)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), ticks=st.integers(0, 40))
def test_nothing_depends_on_the_part_of_a_cycle(
    base: Machine, kinds: list[tuple[Kind, Subkind]], data: st.DataObject, ticks: int
) -> None:
    others = [kind for kind in kinds if kind[0] not in (Kind.ISB, Kind.ZERO)]
    base = machine(base, **NARROW)
    table = TableRun(data.draw(traces(others, max_size=20, turns=8)), 2, 1)
    at = [shifted(base, each) for each in (0, ticks)]
    early, late = (in_both([TableRun(trace_of([by]), 1, 1), table], on).ticks for on, by in at)
    assert late == early + ticks


@pytest.mark.parametrize("base", [ALTRA, XEON, MILAN], ids=lambda m: m.name)
def test_a_copy_loop_takes_the_same_from_any_part_of_a_cycle(base: Machine) -> None:
    base = machine(base, caches__l1__latency_cycles=4.3, core__alu_ports=2, core__load_ports=1)
    table = TableRun(fork_loop(64, base.isa), 1, 64)
    ticks = []
    for tick in range(TICKS_PER_CYCLE):
        on, by = shifted(base, tick)
        ticks.append(engine.run([TableRun(trace_of([by]), 1, 1), table], on).ticks - tick)
    assert len(set(ticks)) == 1


def additions(counts: list[int]) -> Trace:
    """Return a chain of loads, and so many additions that wait for each of them."""
    uops = [load(64 * at, address=[at - 1] if at else []) for at in range(len(counts))]
    uops += [alu(at) for at, count in enumerate(counts) for _ in range(count)]
    return trace_of(uops)


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    ports=st.integers(1, 3),
    l1=st.integers(16, 90),
)
def test_no_part_of_a_port_is_lost(counts: list[int], ports: int, l1: int) -> None:
    """Additions that become ready at several parts of a cycle are done as early as they can be."""
    on = machine(
        ALTRA, **WIDE, core__alu_ports=ports, caches__l1__latency_cycles=l1 / TICKS_PER_CYCLE
    )
    ticks = in_both([TableRun(additions(counts), 1, 1)], on).ticks
    left = [sum(counts[at:]) * TICKS_PER_CYCLE / ports for at in range(len(counts))]
    bound = max((1 + at) * l1 + work for at, work in enumerate(left))
    # The last of a group may find fewer ports than there are.
    assert bound <= ticks <= bound + len(counts) * (1 - 1 / ports) * TICKS_PER_CYCLE


@pytest.mark.parametrize("ports", [1, 2, 3, 5])
def test_a_full_group_of_ports_starts_so_many_a_cycle(ports: int) -> None:
    on = machine(ALTRA, **WIDE, core__alu_ports=ports, caches__l1__latency_cycles=4.3)
    few, many = (
        in_both([TableRun(additions([n]), 1, 1)], on).ticks for n in (10 * ports, 20 * ports)
    )
    assert many - few == 10 * TICKS_PER_CYCLE


def test_the_oldest_has_the_port_in_every_part_of_a_cycle() -> None:
    """After 1.5 cycles the addition behind the load takes the port from one that is half done."""
    on = machine(ALTRA, **WIDE, core__alu_ports=1, caches__l1__latency_cycles=1.5)
    uops = [load(0), alu(0), alu(), alu(2), load(64, address=[1])]
    assert in_both([TableRun(trace_of(uops), 1, 1)], on).ticks == 4 * TICKS_PER_CYCLE


def test_a_locked_operation_needs_its_ports_together() -> None:
    """Nine additions leave it three of four ports in their last cycle, which is one too few."""
    on = machine(
        MILAN, core__width=16, core__retire_width=16, core__alu_ports=4,
        atomics__locked_alu_operations=4,
    )  # fmt: skip
    ticks = [
        in_both([TableRun(trace_of([alu()] * n + [rmw(Subkind.RMW_LOCKED)]), 1, 1)], on).ticks
        for n in (8, 9, 12)
    ]
    assert ticks[0] + TICKS_PER_CYCLE == ticks[1] == ticks[2]


def test_there_is_room_for_the_most_ports_that_a_machine_may_have() -> None:
    """Compiled code checks no index, so the ring of ports must hold what a file may say."""
    hints = get_type_hints(Core, include_extras=True)
    most = {
        f"core__{name}": int(bounds.high)
        for name, hint in hints.items()
        if name.endswith("_ports") or name == "address_units"
        for bounds in getattr(hint, "__metadata__", ())
        if isinstance(bounds, Bounds)
    }
    assert len(most) == 6 and sum(most.values()) == PORTS
    table = TableRun(fork_loop(64, MILAN.isa), 4, 64)
    in_both([table], machine(MILAN, **most, caches__l1__latency_cycles=4.3))
