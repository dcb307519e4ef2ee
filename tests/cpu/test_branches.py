"""What history predictors learn, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.cpu.branches import mispredicts

from .build import branch, trace_of


def missed(outcomes: list[bool], history: int = 64) -> int:
    trace = trace_of([branch(taken, site="s") for taken in outcomes])
    return int(mispredicts(trace, history).sum())


def loop(trips: int, turns: int) -> list[bool]:
    return ([True] * (trips - 1) + [False]) * turns


@pytest.mark.parametrize("outcome", [False, True])
def test_a_branch_that_always_goes_one_way_is_predicted(outcome: bool) -> None:
    assert missed([outcome] * 100) == 0


@pytest.mark.parametrize("trips", [2, 4, 16, 63])
def test_loops_up_to_the_history_are_learnt(trips: int) -> None:
    assert missed(loop(trips, 30)) == 0


@pytest.mark.parametrize("trips", [100, 512])
def test_longer_loops_cost_one_mispredict_per_exit(trips: int) -> None:
    assert missed(loop(trips, 8)) == 8


def test_the_learnt_trip_count_is_a_machine_number() -> None:
    assert missed(loop(16, 30), history=8) == 30
    assert missed(loop(16, 30), history=16) == 0


def test_alternation_is_learnt() -> None:
    assert missed([True, False] * 100) == 0


def test_a_random_mix_is_not() -> None:
    random = np.random.default_rng(1).integers(0, 2, 2000).astype(bool).tolist()
    assert 0.35 < missed(random) / 2000 < 0.65


def test_a_second_test_of_the_same_fact_is_predicted() -> None:
    facts = np.random.default_rng(1).integers(0, 2, 2000).astype(bool).tolist()
    trace = trace_of([branch(f, site=site) for f in facts for site in ("first", "second")])
    wrong = mispredicts(trace, 64)
    assert wrong[0::2].mean() > 0.35
    assert wrong[1::2].mean() < 0.05
