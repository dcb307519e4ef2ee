"""What all CPUs do in a second: its interval is that of a throughput, not of a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import api
from costmodel.results.text.mail import mail
from costmodel.uncertainty.sampling import of_throughput

SHORT: dict[str, Any] = {"machines": "ampere-altra", "memory": "2 MiB", "orders": 4, "noise": False}


def test_without_a_pause_a_lone_cpu_does_what_its_time_leaves_room_for() -> None:
    (one,) = api.study(strategies="v6.7", **SHORT).comparisons
    assert one.result.throughput_log_samples == pytest.approx(
        [-log for log in one.result.log_samples], abs=1e-9
    )
    (low_s, high_s), (low, high) = one.model.seconds, one.model.throughput_per_s
    assert low == pytest.approx(1 / high_s) and high == pytest.approx(1 / low_s)


def test_what_lies_between_two_operations_is_certain() -> None:
    """A pause of nine times the operation leaves a tenth of the doubt."""
    (one,) = api.study(strategies="v6.7", overrides={"between_us": 1000}, **SHORT).comparisons
    share = one.result.busy_share
    assert share < 0.15
    wide, narrow = (
        math.log(high / low) for low, high in (one.model.seconds, one.model.throughput_per_s)
    )
    assert narrow == pytest.approx(share * wide, rel=0.3)


def test_many_cpus_have_an_interval_of_what_they_do_together() -> None:
    base, new = api.study(
        strategies=["v6.7", "contpte-per-pte"], overrides={"cpus": 8}, **SHORT
    ).comparisons
    for one in (base, new):
        low, high = one.model.throughput_per_s
        assert low < one.result.throughput_per_s < high
    low, high = new.model.throughput_change_pct
    assert low < new.throughput_change_pct < high < 0
    assert base.model.throughput_change_pct == pytest.approx((0, 0))


@given(share=st.floats(0.01, 1), low=st.floats(-0.5, 0), high=st.floats(0, 0.5))
def test_a_slower_build_does_less_by_the_share_of_the_time_it_takes(
    share: float, low: float, high: float
) -> None:
    slow, fast = of_throughput((low, high), share)
    assert slow <= 0 <= fast
    assert math.exp(-slow) == pytest.approx(1 + share * math.expm1(high))
    assert math.exp(-fast) == pytest.approx(1 + share * math.expm1(low))


def test_the_table_shows_both_intervals() -> None:
    study = api.study(strategies=["v6.7", "contpte-per-pte"], overrides={"cpus": 8}, **SHORT)
    lines = mail(study.results).splitlines()
    throughput = lines[next(i for i, line in enumerate(lines) if "all CPUs together" in line) :]
    assert sum(line.startswith("|   model, 90%") for line in throughput) == 2
    assert sum(line.startswith("|   change, 90%") for line in throughput) == 1, "not the baseline"
