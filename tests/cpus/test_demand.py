"""What one operation asks of shared things."""

from __future__ import annotations

import pytest

from costmodel.cpus.demand import Demand, demand
from costmodel.cpus.prices import Prices
from tests.cpus.made import XEON, workload


def asked(state: str, **of: object) -> Demand:
    """Return what giving back 4 MiB asks for, by one of two threads."""
    asking = workload(operation="zap", state=state, threads=2, **of)
    return demand(asking, Prices.of(XEON), [], llc_bytes=1 << 20)


def test_ranges_of_a_page_are_the_state_that_has_a_name() -> None:
    assert asked("dontneed: range 4 KiB") == asked("dontneed-per-page")


@pytest.mark.parametrize(("per_call", "calls"), [(1, 1024), (32, 32), (1024, 1)])
def test_each_call_takes_the_lock_of_the_address_space_and_leaves_it(
    per_call: int, calls: int
) -> None:
    found = asked(f"dontneed: range 4 KiB, per_call {per_call}")
    assert found.operation["mmap_lock"].visits == 2 * calls


def test_one_call_for_all_is_the_plain_state() -> None:
    assert asked("dontneed: range 4 MiB") == asked("dontneed")
