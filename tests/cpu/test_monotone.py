"""No cost falls when one latency rises, beyond the anomalies of greedy scheduling."""

from __future__ import annotations

import pytest

from costmodel.code.trace import TableRun
from costmodel.config.machine import Machine
from costmodel.cpu import engine

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
        on = base.with_values({key: min(value * factor, value + 5.5)})
        ticks = engine.run(runs, on).ticks
        assert ticks >= before * (1 - ANOMALY)
        before = ticks
