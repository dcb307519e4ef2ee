"""What history predictors learn, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.uops import Kind, Uop
from costmodel.cpu.branches import mispredicts

from .build import branch, trace_of


def missed(outcomes: list[bool], history: int = 64) -> int:
    trace = trace_of([branch(taken, site="s") for taken in outcomes])
    return int(mispredicts(trace, history).sum())


def wrong_of(outcomes: list[tuple[int, bool]], history: int = 64) -> list[bool]:
    """Return which of the outcomes (branch, taken) are mispredicted."""
    trace = trace_of([branch(taken, site=str(site)) for site, taken in outcomes])
    found: list[bool] = mispredicts(trace, history).tolist()
    return found


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


@pytest.mark.parametrize("history", [8, 9, 16, 17, 64, 4096])
def test_the_longest_learnt_loop_is_the_history(history: int) -> None:
    assert missed(loop(history, 3), history) == 0
    assert missed(loop(history + 1, 3), history) == 3


def test_a_core_without_history_predicts_what_mostly_happens() -> None:
    assert missed(loop(4, 20), history=0) == 20
    assert missed([True, False, False, False] * 20, history=0) == 20
    assert missed([True, False] * 20, history=0) == 0, "the outcome before is always known"


def test_a_run_as_long_as_the_one_before_is_learnt() -> None:
    """So many times one way, then as often the other: only the first of the two is a surprise."""
    lengths = np.random.default_rng(1).choice([24, 40, 56], 60).tolist()
    outcomes = [taken for length in lengths for taken in [False] * length + [True] * length]
    wrong, taken = np.array(wrong_of([(0, taken) for taken in outcomes])), np.array(outcomes)
    assert not wrong[1:][taken[:-1]].any()
    assert wrong[1:][~taken[:-1]].any()


def test_an_outcome_says_nothing_of_itself() -> None:
    """It is predicted from the other executions, here by their majority: no run tells them."""
    assert wrong_of([(0, True), (0, False)]) == [True, True]
    for way in (True, False):  # the first has a history of its own, and the others tell nothing
        outcomes = [(0, way), (0, way), (0, not way)]
        assert wrong_of(outcomes, history=0) == [False, True, True]


def test_a_branch_without_an_outcome_is_not_predicted() -> None:
    unknown = Uop(Kind.BRANCH, site="0")
    known = [branch(taken, site="0") for taken in loop(4, 10)]
    wrong = mispredicts(trace_of([unknown, *known, unknown]), 64)
    assert wrong.tolist() == [False] * 42


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=40), st.data())
def test_where_a_table_begins_does_not_matter(
    outcomes: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Tables follow each other, so the first branch of one has the last of another behind it."""
    history = data.draw(st.sampled_from([0, 3, 8, 64]), "history")
    turn = data.draw(st.integers(0, len(outcomes) - 1), "turn")
    wrong = wrong_of(outcomes, history)
    assert wrong_of(outcomes[turn:] + outcomes[:turn], history) == wrong[turn:] + wrong[:turn]


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


def missed_again(between: int, history: int) -> float:
    """Return how often a branch is missed that repeats the outcome before some that never vary."""
    facts = np.random.default_rng(1).integers(0, 2, 600).astype(bool).tolist()
    sites = ["fact", *(f"always {n}" for n in range(between)), "again"]
    trace = trace_of(
        [branch(fact or site.startswith("always"), site=site) for fact in facts for site in sites]
    )
    return float(mispredicts(trace, history)[between + 1 :: between + 2].mean())


@pytest.mark.parametrize(
    ("history", "between", "learnt"), [(4, 0, False), (5, 0, True), (16, 9, False), (17, 9, True)]
)
def test_outcomes_of_others_are_remembered_as_far_as_the_history_goes(
    history: int, between: int, learnt: bool
) -> None:
    """In steps of 4, 8 and 16 outcomes."""
    wrong = missed_again(between, history)
    assert wrong < 0.02 if learnt else wrong > 0.3


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


@pytest.mark.parametrize(("before", "groups"), [(5, 100), (9, 1200)])
def test_no_history_is_one_outcome_longer(before: int, groups: int) -> None:
    """Five or nine outcomes would fill their contexts; those of the next history stay empty."""
    assert missed_share(groups, before) > 0.25


@pytest.mark.parametrize(("between", "learnt"), [(3, True), (7, True), (15, True), (16, False)])
def test_history_ends_after_sixteen_outcomes(between: int, learnt: bool) -> None:
    wrong = missed_again(between, 64)
    assert wrong < 0.02 if learnt else wrong > 0.3
