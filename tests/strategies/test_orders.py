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
