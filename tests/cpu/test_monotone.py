"""No cost falls when one latency rises, beyond the anomalies of greedy scheduling."""

from __future__ import annotations

from itertools import pairwise

import pytest

from costmodel import api, cpu
from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.cpu import engine
from costmodel.experiment.cell import executed

from .build import ALTRA, M2, XEON
from .loops import fork_loop

ANOMALY = 0.005
"""A slower micro-op may happen to leave a port to a more important one: Graham's anomalies."""
LATENCIES = (
    "core.mul_latency_cycles",
    "core.store_forward_cycles",
    "core.mispredict_penalty_cycles",
    "caches.l1.latency_cycles",
    "caches.l2.latency_cycles",
    "caches.llc.latency_ns",
    "caches.dram.latency_ns",
    "caches.prefetch.ns_per_line",
    "caches.dtlb.l2_latency_cycles",
    "caches.dtlb.walk_ns",
    "atomics.value_cycles",
    "atomics.cas_cycles",
    "atomics.store_only_cycles",
    "atomics.line_change_cycles",
    "atomics.locked_cycles",
)
MORE = (
    "core.call_return_cycles",
    "core.store_commit_cycles",
    "core.store_line_commit_cycles",
    "mitigations.return_cycles",
    "mitigations.indirect_cycles",
    "caches.l2.cycles_per_line",
    "caches.l2.write_back_cycles",
    "caches.llc.ns_per_line",
    "caches.dram.ns_per_line",
    "caches.prefetch.llc_ns_per_line",
    "atomics.acquire_cycles",
    "atomics.locked_retires_cycles",
    "barriers.dsb_cycles",
    "tlbi.issue_ns",
    "tlbi.broadcast_ns",
)
SHIPPED = (("fork", "writable"), ("zap", "exit"), ("zap", "munmap"), ("mprotect", "to-read-only"))


def slower(machine: Machine, key: str, value: float) -> Machine:
    """Raise a latency; a slower L1 is also a slower way to what lies behind it."""
    more = {key: value}
    if key == "caches.l1.latency_cycles":
        caches, cycles = machine.caches, value - machine.parameters[key].value
        more["caches.l2.latency_cycles"] = caches.l2.latency_cycles.value + cycles
        ns = cycles / machine.core.clock_ghz.value
        more["caches.llc.latency_ns"] = caches.llc.latency_ns.value + ns
        more["caches.dram.latency_ns"] = caches.dram.latency_ns.value + ns
    return machine.with_values(more)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("base", [ALTRA, M2, XEON], ids=lambda m: m.name)
@pytest.mark.parametrize("key", LATENCIES)
def test_raising_a_latency_lowers_nothing(key: str, base: Machine, scattered: bool) -> None:
    if key not in base.parameters:
        pytest.skip("another instruction set")
    runs = [TableRun(fork_loop(512, base.isa, scattered=scattered), 512, 512)]
    value = base.parameters[key].value
    before = engine.run(runs, base).ticks
    for factor in (1.02, 1.1, 1.3, 1.7, 2.5):
        on = slower(base, key, min(value * factor, value + 5.5))
        ticks = engine.run(runs, on).ticks
        assert ticks >= before * (1 - ANOMALY)
        before = ticks


@pytest.mark.parametrize("order", [0, 9])
@pytest.mark.parametrize("operation", SHIPPED, ids="-".join)
@pytest.mark.parametrize("name", ["ampere-altra", "apple-m2-vm", "epyc-milan", "epyc-zen5"])
def test_raising_a_latency_lowers_no_operation(
    name: str, operation: tuple[str, str], order: int
) -> None:
    what, state = operation
    strategy = "folio-batch-v6.9" if what in ("fork", "zap") else "folio-batch-v6.17"
    cell = api.cell(name, strategy, order=order, operation=what, state=state, memory="4 MiB")
    runs, on = executed(cell), cell.machine
    before = cpu.run(runs, on).ticks
    ticks = {
        key: cpu.run(runs, slower(on, key, min(number * 1.6, number + 5.5))).ticks
        for key in (*LATENCIES, *MORE)
        if key in on.parameters and (number := on.parameters[key].value)
    }
    assert {key: n for key, n in ticks.items() if n < before * (1 - ANOMALY)} == {}


@pytest.mark.parametrize(
    ("machine", "key", "cycles"),
    [
        ("xeon-4210r", "atomics.locked_cycles", 18),
        ("xeon-4210r", "caches.l1.latency_cycles", 4),
        ("skylake-sp", "atomics.locked_cycles", 18),
    ],
)
def test_tables_have_no_stairs(machine: str, key: str, cycles: float) -> None:
    """An eighth of a cycle more costs about what the eighths beside it do, on a real page table."""
    cell = api.cell(machine, "folio-batch-v6.9", order=0, memory="64 MiB")
    runs = executed(cell)
    times = [
        cpu.run(runs, cell.machine.with_values({key: cycles + eighth / 8})).ticks
        for eighth in range(-4, 5)
    ]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) < 2.5 * max(sum(steps) / len(steps), 0.0005 * times[0])
    assert min(steps) > -0.002 * times[0]
