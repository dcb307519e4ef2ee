"""Two engines, one answer: whole cells of real strategies, to the picosecond."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import ORDERS, Workload
from costmodel.cpu import engine, reference
from costmodel.experiment import Cell, executed, run_cell
from costmodel.operations.registry import operation_names
from costmodel.simulation import Engine
from costmodel.strategies.catalogue import built_in

ROOT = Path(__file__).parents[1]
PAGE = 4096
RESTLESS = {
    "kernel.tick_hz": 5000.0,
    "kernel.tick_us": 20.0,
    "noise.vm_steal.rate_hz": 5000.0,
    "noise.vm_steal.mean_us": 30.0,
}
"""So that even an operation of some 100 us meets ticks and steals."""
MACHINES = {
    isa: load_machine(name).with_values(RESTLESS)
    for isa, name in (("arm64", "ampere-altra"), ("x86_64", "xeon-4210r"))
}
M2 = load_machine("apple-m2-vm").with_values(RESTLESS)
MIX = {0: 1 / 3, 4: 2 / 3}
STATES: dict[str, tuple[str, ...]] = {
    "fork": ("writable", "read-only"),
    "zap": ("munmap",),
    "mprotect": ("to-read-only", "to-writable"),
    "mremap": ("moved",),
    "spawn": ("exit",),
}
CASES = [
    pytest.param(operation, name, isa, state, id=f"{operation}-{name}-{isa}-{state}")
    for operation, strategies in ((name, built_in(name)) for name in operation_names())
    for name, strategy in strategies.items()
    for isa in strategy.programs
    for state in STATES[operation]
    if (name, state) != ("v6.8", "read-only")  # not recorded: no kernel of it was booted
]


def cell(
    machine: Machine, strategy: str, state: str, operation: str = "fork", **workload: object
) -> Cell:
    data = {"operation": operation, "memory_bytes": 24 * PAGE, "folio_orders": MIX, "state": state}
    wanted = Workload.model_validate(data | workload)
    return Cell(machine, wanted, strategy, Protocol(runs=2, iterations=4, seed=7))


def assert_equal(one: Cell) -> None:
    fast, slow = (run_cell(one, engine=each) for each in (Engine.FAST, Engine.REFERENCE))
    assert fast.exact_ps == slow.exact_ps
    assert fast.stack_ns_per_pte == slow.stack_ns_per_pte
    assert fast.samples_ps is not None
    assert slow.samples_ps is not None
    assert fast.samples_ps.tolist() == slow.samples_ps.tolist()


@pytest.mark.parametrize(("operation", "strategy", "isa", "state"), CASES)
def test_every_strategy_on_a_mix(operation: str, strategy: str, isa: str, state: str) -> None:
    """The core's share is computed once per cell: the noise is compared elsewhere."""
    one = cell(MACHINES[isa], strategy, state, operation)
    runs = executed(one)
    assert engine.run(runs, one.machine) == reference.run(runs, one.machine)


@pytest.mark.parametrize("strategy", ["v6.7", "contpte-per-pte"])
def test_ticks_and_steals(strategy: str) -> None:
    one = cell(M2, strategy, "writable")
    quiet = run_cell(one, causes=frozenset())
    noisy = run_cell(one)
    assert noisy.summary.mean > 1.05 * quiet.summary.mean, "nothing is disturbed"
    assert_equal(one)


def test_contention() -> None:
    one = cell(MACHINES["arm64"], "contpte-per-pte", "writable", cpus=3)
    alone = cell(MACHINES["arm64"], "contpte-per-pte", "writable")
    assert run_cell(one).exact_ps > run_cell(alone).exact_ps, "nobody is in the way"
    assert_equal(one)


SMALL_ORDERS = st.sampled_from([order for order in ORDERS if order <= 4])


@settings(max_examples=6, deadline=None)
@given(
    strategy=st.sampled_from(sorted(built_in("fork"))),
    shares=st.lists(st.tuples(SMALL_ORDERS, st.integers(1, 4)), min_size=1, max_size=3),
    frames=st.sampled_from(["contiguous", "scattered"]),
    state=st.sampled_from(STATES["fork"]),
    pages=st.integers(3, 40),
    on=st.sampled_from([MACHINES["arm64"], M2]),
)
def test_random_layouts(
    strategy: str,
    shares: list[tuple[int, int]],
    frames: str,
    state: str,
    pages: int,
    on: Machine,
) -> None:
    assume((strategy, state) != ("v6.8", "read-only"))  # not recorded: no kernel of it was booted
    parts = dict(shares)
    total = sum(parts.values())
    orders = {order: part / total for order, part in parts.items()}
    one = cell(on, strategy, state, memory_bytes=pages * PAGE, folio_orders=orders, frames=frames)
    runs = executed(one)
    assert engine.run(runs, on) == reference.run(runs, on)


TINY = """
import sys
sys.modules["numba"] = None
from tests.test_engines import MACHINES, cell
from costmodel.experiment import exact_seconds
for isa, machine in MACHINES.items():
    one = cell(machine, "folio-batch-v6.9", "writable", memory_bytes=5 * 4096)
    print(repr(exact_seconds(one)))
"""


def test_without_numba_the_times_are_the_same() -> None:
    from costmodel.experiment import exact_seconds

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", TINY]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    ones = (
        cell(machine, "folio-batch-v6.9", "writable", memory_bytes=5 * PAGE)
        for machine in MACHINES.values()
    )
    assert [float(line) for line in done.stdout.split()] == [exact_seconds(one) for one in ones]
