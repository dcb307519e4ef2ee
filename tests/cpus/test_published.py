"""Figures of several CPUs that nothing was chosen by: signs, order and size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costmodel.api import cell
from costmodel.config.machine import load_machine
from costmodel.experiment import Cell, run_cell

STATES = {"zap": ("v6.7", "dontneed"), "mprotect": ("v6.12", "to-read-only")}
FACTOR = 1.6


def asked(machine: str, operation: str, pages: int, numbers: dict[str, Any], **of: Any) -> Cell:
    """Return a call on some pages of order 0 on a machine with changed numbers."""
    strategy, state = STATES[operation]
    on = load_machine(machine).with_values(numbers, origin="test")
    found = cell(on, strategy, operation=operation, state=state, memory=f"{4 * pages} KiB")
    return replace(found, workload=found.workload.model_copy(update=of))


def call_us(machine: str, operation: str, pages: int, **of: Any) -> float:
    """Return what the call takes, in microseconds."""
    return run_cell(asked(machine, operation, pages, {}, **of), noise=False).exact_ps / 1e6


@pytest.mark.parametrize(
    ("operation", "pages", "low", "high"),
    [("zap", 8, 4.0, 7.3), ("zap", 33, 3.3, 6.7), ("mprotect", 1, 4.7, 5.7)],
)
def test_a_busy_receiver_in_a_milan_guest(
    operation: str, pages: int, low: float, high: float
) -> None:
    """Medians of two runs on two vCPUs, one of which spins (measured for this project)."""
    alone = call_us("epyc-milan", operation, pages)
    asleep, busy = (
        call_us("epyc-milan", operation, pages, threads=2, others=others)
        for others in ("idle", "busy")
    )
    assert asleep == alone
    assert low / FACTOR < busy - alone < high * FACTOR


def test_104_threads_that_flush() -> None:
    """137 us for a loop of tlb_flush1 on a Skylake-SP with 104 threads."""
    threads = {"threads": 104, "sockets": "spread", "between_us": 4.739}
    flushing = asked("skylake-sp", "zap", 1, {"locks.vma_locks": False}, **threads)
    loop_us = 104e6 / run_cell(flushing, noise=False).throughput_per_s
    assert 137 / FACTOR < loop_us < 137 * FACTOR


def test_79_receivers_in_a_guest_without_virtual_interrupts() -> None:
    """93 us where one write reaches a cluster, 198 where each CPU takes one (KVM, 80 vCPUs)."""
    sends = {"shootdown.send_ns": 1500, "shootdown.send_cpus": 1, "tlbi.cpus_online": 80}
    delivery = {"shootdown.delivery_ns": 2000, "shootdown.far_delivery_ns": 2500}
    all_us, one_us = (
        run_cell(
            asked("skylake-sp", "zap", 1, sends | delivery, threads=threads, others="busy"),
            noise=False,
        ).exact_ps
        / 1e6
        for threads in (80, 1)
    )
    assert 93 < all_us - one_us < 198


def test_local_invalidations_wait_for_nobody() -> None:
    """32 processes that change the rights of a page: 17.7 times as fast as with broadcasts on an
    eMAG. Here it is another machine: at least the sign, and no queue at all."""
    per_s = {}
    for local in (False, True):
        numbers = {"tlbi.local_only": local}
        found = run_cell(asked("ampere-altra", "mprotect", 1, numbers, cpus=32), noise=False)
        assert found.contention is not None
        assert ("interconnect" in found.contention.shared) is not local
        per_s[local] = found.throughput_per_s
    assert per_s[True] > 4 * per_s[False]
