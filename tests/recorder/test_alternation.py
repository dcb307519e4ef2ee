"""Paths that are taken in turn."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from costmodel.code.context import Context, lone_context
from costmodel.code.events import Step, Trait
from costmodel.recorder.alternation import spread, take_turns


def test_rare_paths_are_spread_evenly() -> None:
    order = spread({7: 60, 9: 4})

    assert len(order) == 16
    assert order.count(9) == 1


@given(st.dictionaries(st.integers(0, 9), st.integers(1, 16), min_size=1, max_size=2))
def test_each_path_comes_as_often_as_recorded(counts: dict[int, int]) -> None:
    order = spread(counts)

    assert len(order) <= 32
    shares = {key: number * sum(counts.values()) for key, number in Counter(order).items()}
    assert shares == {key: number * len(order) for key, number in counts.items()}


def facts(traits: int, *, slot: int = 0) -> Context:
    return lone_context("slot", Step("read", slot, 0, 0), Step("clear", slot, 0, 0, int(traits)))


def test_facts_that_decide_are_kept_and_the_rest_alternates() -> None:
    """Large folios always take path 3, others mostly path 1 and every fourth time path 2."""
    seen = [(3, facts(Trait.LARGE), 0)] * 4 + [
        (2 if n % 4 == 3 else 1, facts(Trait.NONE, slot=n), 1) for n in range(16)
    ]

    choice = take_turns(seen, usual=1)

    assert [Context._fields[i] for i in choice.decisive] == ["large"]
    assert choice.paths == {(True,): 3, (False,): 1}
    assert {key: sorted(turns) for key, turns in choice.turns.items()} == {(False,): [1, 1, 1, 2]}


def test_the_longest_window_tells_how_often() -> None:
    seen = [(1, facts(Trait.NONE), 0)] * 30 + [(2, facts(Trait.NONE), 0)] * 2
    seen += [(2, facts(Trait.NONE), 1)] * 4

    assert take_turns(seen, usual=1).turns == {(): spread({1: 15, 2: 1})}
