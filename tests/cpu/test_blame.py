"""The CPI stack blames what holds time: a cause that is cheaper by a tenth saves its tenth."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import api
from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell, exact_seconds

PRICES = {
    "atomic": ("line_change_cycles", "store_only_cycles", "cas_cycles", "value_cycles"),
    "locked": ("locked_cycles", "locked_retires_cycles"),
    "llc": ("llc.latency_ns",),
    "tlbi": ("issue_ns", "broadcast_ns"),
}
GROUPS = {"atomic": "atomics", "locked": "atomics", "llc": "caches", "tlbi": "tlbi"}
FORK = {"operation": "fork", "state": "writable", "frames": "contiguous"}
SCATTERED = FORK | {"frames": "scattered"}
UNMAP = {"operation": "zap", "state": "munmap", "frames": "scattered"}


def cheaper(machine: Machine, cause: str) -> Machine:
    keys = [f"{GROUPS[cause]}.{key}" for key in PRICES[cause]]
    there = {key: machine.parameters[key].value for key in keys if key in machine.parameters}
    return machine.with_values({key: 0.9 * value for key, value in there.items() if value})


@pytest.mark.parametrize(
    ("name", "strategy", "order", "workload", "causes"),
    [
        ("apple-m2-vm", "v6.7", 0, FORK, {"atomic"}),
        ("apple-m2-vm", "v6.7", 9, FORK, {"atomic"}),
        ("ampere-altra", "v6.7", 0, FORK, {"atomic"}),
        ("ampere-altra", "v6.7", 9, FORK, {"atomic"}),
        ("ampere-altra", "v6.7", 0, SCATTERED, {"atomic", "llc"}),
        ("ampere-altra", "v6.7", 0, UNMAP, {"llc"}),
        ("ampere-altra", "contpte-per-pte", 9, FORK, {"tlbi"}),
        ("graviton3", "v6.7", 0, FORK, {"atomic"}),
        ("xeon-4210r", "v6.7", 0, FORK, {"locked"}),
        ("xeon-4210r", "folio-batch-v6.9", 9, FORK, {"locked"}),
        ("xeon-4210r", "v6.7", 0, UNMAP, {"locked", "llc"}),
        ("epyc-zen5", "v6.7", 0, FORK, {"locked"}),
    ],
)
def test_a_cause_is_blamed_for_what_it_holds(
    name: str, strategy: str, order: int, workload: dict[str, Any], causes: set[str]
) -> None:
    """Within half of it: what hides behind a cause comes out once that is cheaper."""
    machine = load_machine(name)
    stack = api.price(name, strategy, order=order, **workload).stack_ns_per_pte
    where = Workload(memory_bytes=1 << 30, folio_orders={order: 1.0}, **workload)
    before = exact_seconds(Cell(machine, where, strategy, Protocol()))
    for cause in causes:
        share = stack[cause] / sum(stack.values())
        after = exact_seconds(Cell(cheaper(machine, cause), where, strategy, Protocol()))
        assert share > 0.1
        assert 1 - after / before == pytest.approx(0.1 * share, rel=0.5), cause
