"""The n-th fork: a part of the pages was written since the last one."""

from __future__ import annotations

import pytest

import costmodel
from costmodel.config.errors import ConfigError


def ns(state: str, order: int = 0) -> float:
    cost = costmodel.price("xeon-4210r", "v6.7", memory="8 MiB", order=order, state=state)
    return cost.ns_per_pte


def test_it_lies_between_the_two_states_it_is_made_of() -> None:
    writable, read_only = ns("writable"), ns("read-only")
    few, many = ns("mixed: writable 1, read-only 15"), ns("mixed: writable 15, read-only 1")
    assert read_only < few < many < writable * 1.05


def test_copies_end_batches() -> None:
    def loads(state: str) -> float:
        cost = costmodel.price(
            "xeon-4210r", "folio-batch-v6.12", memory="8 MiB", order=4, state=state
        )
        return cost.micro_ops_per_pte["rmw"]

    assert loads("mixed: writable 1, read-only 15") > loads("read-only")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("mixed: writable 1", "how many pages are writable"),
        ("mixed: writable 0, read-only 2", "numbers of pages"),
        ("mixed: writable 1, read-only 1000", "512 in all"),
        ("mixed: writable 1, writable 2", "each part once"),
        ("stirred", "must be 'writable' or 'read-only' or 'file' for fork"),
    ],
)
def test_what_it_cannot_be_is_refused(state: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ns(state)
