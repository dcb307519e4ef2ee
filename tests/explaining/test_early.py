"""Accesses written by hand that really come earlier than compiled ones are told."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.config.workload import Workload
from costmodel.explaining.more_work import early_accesses
from costmodel.operations.shared.strategy import Strategy, both
from costmodel.strategies import fork as k
from costmodel.strategies.runs import trace_runs

WORKLOAD = Workload(operation="fork", memory_bytes=2 << 20, folio_orders={0: 1.0}, state="writable")


def early(function: Any, isa: str) -> float:
    strategy = Strategy("mine", "", function, "fork", both("v6.12.117"))
    return early_accesses(trace_runs(strategy, WORKLOAD, isa, range_tlbi=False))


def looks(away: int = 0, **address: Any) -> Any:
    return lambda fork: k.before(
        k.v6_12(fork), "get", lambda s: k.load(k.Target.PAGE, 64 * (s.page + away), **address)
    )


@pytest.mark.parametrize("isa", ["arm64", "x86_64"])
def test_only_what_comes_before_the_compiled_address_is_early(isa: str) -> None:
    assert early(k.v6_12, isa) == 0
    assert early(looks(), isa) == 0
    assert early(looks(address=k.KNOWN), isa) == 1
    assert early(looks(away=1), isa) == pytest.approx(511 / 512)  # nobody needs the last
    behind = lambda fork: k.after(  # noqa: E731
        k.v6_12(fork), "map", lambda s: k.load(k.Target.PAGE, 64 * s.page, address=k.KNOWN)
    )
    assert early(behind, isa) == 0
