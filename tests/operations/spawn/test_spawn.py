"""A process's life: what was published of it, and what must be so."""

from __future__ import annotations

from typing import Any

import pytest

import costmodel
from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell, exact_seconds
from costmodel.mm.pte import TABLE_PTES
from costmodel.units import PAGE_BYTES

MACHINE = load_machine("xeon-4210r")
SMALL = 256 * PAGE_BYTES


def us(strategy: str = "v6.7", machine: Machine = MACHINE, **changes: Any) -> float:
    data: dict[str, object] = {
        "operation": "spawn",
        "memory_bytes": SMALL,
        "folio_orders": {0: 1.0},
        "state": "exit",
    }
    wanted = Workload.model_validate(data | changes)
    return 1e6 * exact_seconds(Cell(machine, wanted, strategy, Protocol(runs=2, iterations=2)))


@pytest.mark.parametrize(("added", "before_us", "after_us"), [(0, 89.4, 87.3), (400, 283, 224)])
def test_vmas_added_to_a_small_process(added: int, before_us: float, after_us: float) -> None:
    """<__mt_dup() cover letter, August 2023>: forks per 10 s of 21 VMAs and more; machine unnamed.

    A Xeon of that time takes about twice as long for the small process: what each VMA adds counts.
    """
    base = {"before": us("v6.7", vmas=21), "after": us("v6.8", vmas=21)}
    grown = {"before": us("v6.7", vmas=21 + added), "after": us("v6.8", vmas=21 + added)}
    published = {"before": before_us - 89.4, "after": after_us - 87.3}
    for kernel, us_more in published.items():
        assert grown[kernel] - base[kernel] == pytest.approx(us_more, rel=0.6, abs=0.5)


def test_a_duplicated_tree_of_vmas_takes_less() -> None:
    assert us("v6.8", vmas=2000) < us("v6.7", vmas=2000)
    assert us("v6.8") == pytest.approx(us("v6.7"), rel=0.02)


@pytest.mark.parametrize("operation", ["fork", "spawn"])
def test_fewer_vmas_than_those_of_a_small_program_save_time(operation: str) -> None:
    few, usual = (
        costmodel.price(
            "xeon-4210r", "v6.7", operation=operation, memory="4 MiB", overrides={"vmas": vmas}
        )
        for vmas in (1, 20)
    )
    assert 0 < few.ns_per_pte < usual.ns_per_pte
    assert min(few.stack_ns_per_pte.values()) >= 0


def test_a_new_program_takes_more_than_an_exit() -> None:
    assert us(state="exec") > us(state="exit") + 100


def test_per_cpu_counters_grow_with_the_cpus() -> None:
    """Reported of 192 CPUs, v6.1 to v6.2: +41 us for each process."""
    large = MACHINE.with_values({"tlbi.cpus_online": 192})
    without = large.with_values({"kernel.mm_cpu_ns": 0.0})
    four = large.with_values({"kernel.mm_cpu_ns": 214.0})
    assert us(machine=four) - us(machine=without) == pytest.approx(41.0, rel=0.05)


def test_it_is_a_fork_and_an_exit() -> None:
    """The loops over page tables are those of the two operations; tables come and go once."""
    more = us(memory_bytes=20 * TABLE_PTES * PAGE_BYTES) - us(
        memory_bytes=10 * TABLE_PTES * PAGE_BYTES
    )
    parts = 0.0
    for operation, state in (("fork", "writable"), ("zap", "exit")):
        common: dict[str, Any] = {"operation": operation, "state": state}
        large = us(memory_bytes=20 * TABLE_PTES * PAGE_BYTES, **common)
        parts += large - us(memory_bytes=10 * TABLE_PTES * PAGE_BYTES, **common)
    assert more == pytest.approx(parts, rel=0.1)


def test_vmas_count_for_fork_too() -> None:
    fork: dict[str, Any] = {"operation": "fork", "state": "writable"}
    assert us(vmas=1000, **fork) - us(**fork) == pytest.approx(980 * 0.42, rel=0.01)
    assert us("v6.8", vmas=1000, **fork) - us("v6.8", **fork) == pytest.approx(980 * 0.25, rel=0.01)


def test_vmas_mean_nothing_where_nobody_copies_them() -> None:
    with pytest.raises((ConfigError, ValueError), match="has a meaning for fork and spawn"):
        us(operation="zap", state="exit", vmas=100)
