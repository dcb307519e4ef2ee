"""The time per PTE has no jump between neighbouring folio orders."""

from __future__ import annotations

from itertools import pairwise

import pytest

from costmodel import price
from costmodel.config.machine import load_machine

JUMP = 0.10
"""From order 4 on folios are whole contiguous blocks: less is done per PTE, and a little less."""


@pytest.mark.parametrize(
    "strategy", ["contpte-folio-batch-v6.9", "contpte-folio-batch-v6.12", "folio-batch-v6.9"]
)
@pytest.mark.parametrize("name", ["ampere-altra", "graviton3", "apple-m2-vm"])
def test_neighbouring_orders_cost_about_the_same(name: str, strategy: str) -> None:
    """Once the Altra lost at order 5 (19.3 ns) what it had gained at order 4 (15.5)."""
    fixed_us = load_machine(name).kernel.fork_fixed_us.value
    times = [
        price(name, strategy, order=order, memory="32 MiB").ns_per_pte - fixed_us * 1e3 / 8192
        for order in range(4, 10)
    ]
    for small, large in pairwise(times):
        assert large == pytest.approx(small, rel=JUMP), times


def test_a_scan_that_stops_later_does_not_begin_its_batch_anew() -> None:
    """v6.9 looks one entry behind the folio; of that only the look of a lone block was recorded.

    The look behind a longer batch executes what its scan does, not the batch's beginning once more.
    """
    times = [
        price("ampere-altra", "contpte-folio-batch-v6.9", order=order, memory="16 MiB")
        for order in (4, 5, 6, 7, 8, 9)
    ]
    for smaller, larger in pairwise(times):
        assert larger.ns_per_pte <= smaller.ns_per_pte
