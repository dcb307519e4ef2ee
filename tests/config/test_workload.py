"""Workloads: what identifies one, and which cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from costmodel.config.workload import ORDERS, Workload


def workload(**changes: object) -> Workload:
    data: dict[str, object] = {
        "operation": "fork",
        "memory_bytes": 2**21,
        "folio_orders": {0: 1.0},
        "state": "writable",
    }
    return Workload.model_validate(data | changes)


def test_equal_workloads_share_a_cache_entry() -> None:
    cache = {workload(folio_orders={4: 0.5, 0: 0.5}): "cost"}
    assert cache[workload(folio_orders={0: 0.5, 4: 0.5})] == "cost"
    assert workload(contpte=True) not in cache


def test_a_mix_has_no_single_order() -> None:
    assert workload(folio_orders=9).folio_order == 9
    assert workload(folio_orders={0: "50%", 4: "50%"}).folio_order is None


@given(st.dictionaries(st.sampled_from(ORDERS), st.integers(1, 100), min_size=1))
def test_shares_keep_their_proportions(weights: dict[int, int]) -> None:
    total = sum(weights.values())
    shares = {order: weight / total for order, weight in weights.items()}
    assert workload(folio_orders=shares).folio_orders == shares
    assert list(workload(folio_orders=shares).folio_orders) == sorted(weights)


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_bytes": 4097},
        {"memory_bytes": True},
        {"folio_orders": {0: 0.5}},
        {"folio_orders": {0: 1.5, 2: -0.5}},
        {"folio_orders": {True: 1.0}},
        {"folio_orders": 1},
        {"folio_orders": {0: 0.5, 1: 0.5}},
        {"state": "munmap"},
        {"cpus": 0},
    ],
)
def test_impossible_workloads(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        workload(**changes)


def test_anonymous_memory_has_no_folios_of_order_1() -> None:
    with pytest.raises(ValidationError, match="no folios of order 1"):
        workload(folio_orders=1)
