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


def missed_share(groups: int, before: int, seed: int = 1) -> float:
    """Return how often a branch is missed that repeats the outcome of ``before`` branches ago.

    All branches between are random, so a history of n outcomes has 2**n contexts to learn.
    """
    facts = np.random.default_rng(seed).integers(0, 2, (groups, before)).astype(bool)
    trace = trace_of(
        [
            branch(bool(taken), site=f"{place}")
            for group in facts
            for place, taken in enumerate([*group, group[0]])
        ]
    )
    return float(mispredicts(trace, 64)[before :: before + 1].mean())


def test_four_outcomes_of_history_learn_from_few_occurrences() -> None:
    """64 occurrences fill the 16 contexts of four outcomes, not the 256 of eight."""
    assert np.mean([missed_share(64, 4, seed) for seed in range(5)]) < 0.15


def test_eight_outcomes_of_history_learn_what_four_do_not_hold() -> None:
    assert missed_share(2000, 8) < 0.15
    assert missed_share(64, 8) > 0.25


@pytest.mark.parametrize(("between", "learnt"), [(3, True), (7, True), (15, True), (16, False)])
def test_history_ends_after_sixteen_outcomes(between: int, learnt: bool) -> None:
    facts = np.random.default_rng(1).integers(0, 2, 600).astype(bool).tolist()
    sites = ["fact", *(f"always {n}" for n in range(between)), "again"]
    trace = trace_of(
        [branch(fact or site.startswith("always"), site=site) for fact in facts for site in sites]
    )
    wrong = mispredicts(trace, 64)[between + 1 :: between + 2].mean()
    assert wrong < 0.02 if learnt else wrong > 0.3
