"""The CPI stack blames what holds time: a cause that is cheaper by a tenth saves its tenth."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import api
from costmodel.explaining.savings import savings_of

FORK = {"operation": "fork", "state": "writable", "frames": "contiguous"}
SCATTERED = FORK | {"frames": "scattered"}
UNMAP = {"operation": "zap", "state": "munmap", "frames": "scattered"}
PROTECT = {"operation": "mprotect"}


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
        # What retires in a burst behind one atomic is hidden behind the next.
        ("graviton3", "v6.12", 0, PROTECT, {"atomic"}),
        ("nvidia-grace", "v6.12", 9, PROTECT, {"atomic"}),
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
    found = savings_of(api.price(name, strategy, order=order, **workload))
    by_cause = {saving.cause: saving for saving in found}
    for cause in causes:
        one = by_cause[cause]
        assert one.saved_pct == pytest.approx(one.said_pct, rel=0.5), cause
