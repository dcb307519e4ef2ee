"""A share of the CPI stack says what a lower price saves, or the explanation says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costmodel import api
from costmodel.experiment import Cell, exact_seconds_on, run_cell
from costmodel.explaining import savings
from costmodel.explaining.savings import LEAST_SHARE, PRICES, Saving, savings_of

FORK = {"operation": "fork", "state": "writable"}
UNMAP = {"operation": "zap", "state": "munmap", "frames": "scattered"}
PROTECT = {"operation": "mprotect"}
MEMORY = "16 MiB"


def cell_of(name: str, strategy: str, order: int, workload: dict[str, Any]) -> Cell:
    return api.cell(name, strategy, order=order, memory=MEMORY, **workload)


CELLS = [
    ("ampere-altra", "folio-batch-v6.9", 0, FORK),
    ("ampere-altra", "v6.12", 4, PROTECT),
    ("ampere-altra", "folio-batch-v6.9", 0, UNMAP),
    ("graviton3", "v6.12", 0, PROTECT),
    ("apple-m2-vm", "folio-batch-v6.9", 0, UNMAP),
    ("epyc-milan", "folio-batch-v6.9", 0, FORK),
    ("epyc-zen4", "folio-batch-v6.9", 4, UNMAP),
    ("xeon-4210r", "folio-batch-v6.9", 9, FORK),
    ("xeon-4210r", "v6.12", 9, PROTECT),
]


@pytest.mark.parametrize(("name", "strategy", "order", "workload"), CELLS)
def test_what_is_not_announced_saves_about_its_share(
    name: str, strategy: str, order: int, workload: dict[str, Any]
) -> None:
    """Each number is lowered here by itself, and each large cause with a price is accounted for."""
    cell = cell_of(name, strategy, order, workload)
    result = run_cell(cell, noise=False)
    announced = {saving.cause for saving in savings_of(result) if not saving.agrees}
    known = cell.machine.parameters
    for cause, ns in result.stack_ns_per_pte.items():
        share = ns / result.ns_per_pte
        keys = [key for key in PRICES.get(cause, ()) if key in known and known[key].value]
        if share <= LEAST_SHARE or not keys:
            continue
        lower = cell.machine.with_values({key: 0.9 * known[key].value for key in keys})
        before, after = exact_seconds_on(cell, [cell.machine, lower])
        of_share = (1 - after / before) / (0.1 * share)
        assert (0.5 <= of_share <= 1.5) == (cause not in announced), (cause, of_share)


def test_atomics_behind_dispatch_are_announced() -> None:
    """Atomics at half their price save nothing of the Altra's mprotect, twice the width does."""
    cell = cell_of("ampere-altra", "v6.12", 0, PROTECT)
    found = {saving.cause: saving for saving in savings_of(run_cell(cell, noise=False))}
    assert not found["atomic"].agrees
    saved_pct = found["atomic"].saved_pct
    assert saved_pct is not None and saved_pct < 0.2 * found["atomic"].said_pct


def test_a_cause_that_others_wait_for_saves_more_than_its_share() -> None:
    cell = cell_of("apple-m2-vm", "folio-batch-v6.9", 0, UNMAP)
    found = {saving.cause: saving for saving in savings_of(run_cell(cell, noise=False))}
    saved_pct = found["atomic"].saved_pct
    assert saved_pct is not None and saved_pct > 1.5 * found["atomic"].said_pct


def test_a_price_that_others_forbid_to_lower_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth less than these 47 cycles is below the 46 of the L1, which no L2 can be."""
    monkeypatch.setattr(savings, "LEAST_SHARE", 0.05)
    cell = cell_of("epyc-milan", "folio-batch-v6.9", 0, FORK)
    close = {"caches.l1.latency_cycles": 46.0, "caches.l2.latency_cycles": 47.0}
    machine = cell.machine.with_values(close)
    result = run_cell(replace(cell, machine=machine), noise=False)
    found = {saving.cause: saving for saving in savings_of(result)}
    assert found["l2"].saved_pct is None and not found["l2"].agrees
    assert all(saving.saved_pct is not None for saving in found.values() if saving.cause != "l2")


@pytest.mark.parametrize(
    ("saved", "agrees"), [(0.9, False), (1.1, True), (2.9, True), (3.1, False)]
)
def test_half_of_it_more_or_less_is_about_right(saved: float, agrees: bool) -> None:
    assert Saving("l1", said_pct=2.0, saved_pct=saved).agrees == agrees
