"""A prefetch that is a micro-op: it asks for a line and holds nothing up."""

from __future__ import annotations

import pytest

from costmodel.code.uops import Kind, Subkind, Target, Uop, Value
from costmodel.config.machine import Machine

from .build import ALTRA, M2, XEON, alu, cycles, load, machine, rmw

COLD = {
    "caches__l1__size_bytes": "1 KiB",
    "caches__l2__size_bytes": "2 KiB",
    "caches__llc__size_bytes": "4 KiB",
    "caches__llc__replacement": "lru",
    "caches__prefetch__depth_lines": 0,
    "caches__dtlb__walk_ns": 0.0,
    "caches__dtlb__l2_latency_cycles": 0.0,
}
"""A line that comes up once per round through the workload comes from memory."""
WINDOW = {f"core__{queue}_entries": 48 for queue in ("rob", "load_queue", "store_queue")}
ROUND = 600
LINES = [64 * (37 * i % 4096) for i in range(64)]
"""In no order: no stream."""


def ask(offset: int, *address: int) -> Uop:
    return Uop(
        Kind.LOAD,
        Subkind.PREFETCH,
        target=Target.PAGE,
        offset_bytes=offset,
        size_bytes=1,
        address_inputs=tuple(Value(i) for i in address),
    )


def read(offset: int, *address: int) -> Uop:
    return load(offset, target=Target.PAGE, address=address)


@pytest.mark.parametrize("base", [ALTRA, M2, XEON], ids=lambda m: m.name)
def test_it_leaves_the_window_once_it_is_issued(base: Machine) -> None:
    """Behind a load the window fills; behind a prefetch it goes on."""
    on = machine(base, caches__miss_registers=64, **WINDOW, **COLD)
    behind = [alu()] * 200
    plain = cycles(behind, on, count=ROUND)
    latency = on.caches.dram.latency_ns.value * on.core.clock_ghz.value

    assert cycles([ask(0), *behind], on, count=ROUND) < plain + 5
    assert cycles([read(0), *behind], on, count=ROUND) > plain + latency / 2


@pytest.mark.parametrize("base", [ALTRA, XEON], ids=lambda m: m.name)
def test_what_it_asked_for_is_there_later(base: Machine) -> None:
    on = machine(base, caches__miss_registers=64, **COLD)
    between = [alu(i - 1) for i in range(1, 1500)]
    waits = cycles([alu(), *between, read(0, len(between))], on, count=ROUND)
    asked = cycles([ask(0), *between, read(0, len(between))], on, count=ROUND)
    none = cycles([alu(), *between], on, count=ROUND)

    assert asked < none + 20 < waits


def test_one_that_comes_late_saves_what_is_left_of_the_way() -> None:
    on = machine(XEON, caches__miss_registers=64, **COLD)
    chain = [alu()] + [alu(i) for i in range(400)]
    waits = cycles([*chain, alu(), read(0, 400)], on, count=ROUND)
    asked = cycles([*chain, ask(0, 300), read(0, 400)], on, count=ROUND)

    assert waits - asked == pytest.approx(100, abs=5)


@pytest.mark.parametrize("registers", [1, 4])
def test_it_needs_a_miss_register(registers: int) -> None:
    on = machine(XEON, caches__miss_registers=registers, core__rob_entries=1024, **COLD)
    latency = on.caches.dram.latency_ns.value * on.core.clock_ghz.value
    taken = cycles([ask(line) for line in LINES], on, count=ROUND)

    assert taken == pytest.approx(latency * len(LINES) / registers, rel=0.25)


def test_no_lock_orders_it() -> None:
    """Intel: PREFETCHh is not ordered with locked memory references."""
    on = machine(XEON, caches__miss_registers=64, **COLD)
    turns = [rmw(Subkind.RMW_LOCKED, 0), read(0)], [rmw(Subkind.RMW_LOCKED, 0), ask(0)]
    lock = cycles(turns[0][:1], on, count=ROUND)

    assert cycles(turns[1], on, count=ROUND) < lock + 5
    assert cycles(turns[0], on, count=ROUND) > lock + 100
