"""The facts that decide between recorded fragments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from costmodel.code.events import Context, ContextTracker, Step, Trait
from costmodel.recorder import Recording
from costmodel.recorder.choose import choose, spread, take_turns
from costmodel.recorder.fragments import Occurrence

NO_ROWS = np.zeros(0, dtype=np.int64)
WINDOW = Recording("rw", "order0", 1, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS)
LAST, NOW = Step("map", 1, 0, 0), Step("set", 1, 0, 0)


def seen(fragment: int, *, certain: bool = True, **facts: Any) -> tuple[int, Occurrence]:
    known = ContextTracker(LAST, "get").context_at(NOW)._replace(**facts)
    return fragment, Occurrence(WINDOW, 0, LAST, NOW, known, certain)


def names(decisive: tuple[int, ...]) -> list[str]:
    return [Context._fields[i] for i in decisive]


def test_one_fragment_needs_no_facts() -> None:
    assert choose([seen(3), seen(3, large=True)]).decisive == ()


def test_the_fewest_facts_decide() -> None:
    choice = choose([seen(1), seen(2, large=True), seen(2, large=True, cont=True)])
    assert names(choice.decisive) == ["large"]
    assert choice.fragments == {(False,): 1, (True,): 2}
    assert choice.usual == 2


def test_two_facts_where_one_is_not_enough() -> None:
    choice = choose([seen(1, cont=True), seen(2, large=True), seen(1, cont=True, large=True)])
    assert names(choice.decisive) == ["cont"]
    choice = choose(
        [seen(1), seen(2, large=True), seen(2, cont=True), seen(1, cont=True, large=True)]
    )
    assert names(choice.decisive) == ["large", "cont"]


def test_the_end_of_a_window_decides_nothing() -> None:
    choice = choose([seen(1), seen(1), seen(1, certain=False, consecutive=True)])
    assert choice.decisive == ()


def test_a_fragment_seen_only_at_the_end_means_that_the_next_frame_does_not_follow() -> None:
    choice = choose([seen(1, consecutive=True), seen(2, certain=False, consecutive=True)])
    assert choice.fragments == {(False,): 2, (True,): 1}


def test_where_nothing_decides_the_majority_does() -> None:
    choice = choose([seen(1), seen(2), seen(2)])
    assert choice.usual == 2
    assert set(choice.fragments.values()) == {2}


def test_rare_fragments_are_spread_evenly() -> None:
    order = spread({7: 60, 9: 4})

    assert len(order) == 16
    assert order.count(9) == 1


@given(st.dictionaries(st.integers(0, 9), st.integers(1, 16), min_size=1, max_size=2))
def test_each_fragment_comes_as_often_as_recorded(counts: dict[int, int]) -> None:
    order = spread(counts)

    assert len(order) <= 32
    shares = {key: number * sum(counts.values()) for key, number in Counter(order).items()}
    assert shares == {key: number * len(order) for key, number in counts.items()}


def facts(traits: int, *, slot: int = 0) -> Context:
    return ContextTracker(Step("read", slot, 0, 0), "slot").context_at(
        Step("clear", slot, 0, 0, int(traits))
    )


def test_facts_that_decide_are_kept_and_the_rest_alternates() -> None:
    """Large folios always take fragment 3, others fragment 1 and every fourth time 2."""
    seen = [(3, facts(Trait.LARGE), 0)] * 4 + [
        (2 if n % 4 == 3 else 1, facts(Trait.NONE, slot=n), 1) for n in range(16)
    ]

    choice = take_turns(seen, usual=1)

    assert names(choice.decisive) == ["large"]
    assert choice.fragments == {(True,): 3, (False,): 1}
    assert {key: sorted(turns) for key, turns in choice.turns.items()} == {(False,): [1, 1, 1, 2]}


def test_the_longest_window_tells_how_often() -> None:
    seen = [(1, facts(Trait.NONE), 0)] * 30 + [(2, facts(Trait.NONE), 0)] * 2
    seen += [(2, facts(Trait.NONE), 1)] * 4

    assert take_turns(seen, usual=1).turns == {(): spread({1: 15, 2: 1})}


def in_a_row(fragments: Sequence[int], **facts: Any) -> list[tuple[int, Occurrence]]:
    """Return occurrences in one window, one behind the other, but sorted as the cutter has them."""
    found = [
        (fragment, replace(seen(fragment, **facts)[1], first_row=row))
        for row, fragment in enumerate(fragments)
    ]
    return sorted(found, key=lambda pair: pair[0])


def test_copies_of_an_unrolled_loop_are_taken_in_turn() -> None:
    choice = choose(in_a_row([1, 2] * 8))
    assert choice.turns == {(): (1, 2)}


def test_what_comes_late_in_a_row_of_others_is_no_copy_of_a_loop() -> None:
    choice = choose(in_a_row([1] * 12 + [2] * 4))
    assert not choice.turns
    assert set(choice.fragments.values()) == {1}


def test_copies_are_told_apart_by_what_is_known() -> None:
    unrolled = in_a_row([1, 2] * 8) + in_a_row([3, 4] * 8, writable=True)
    choice = choose(unrolled)
    assert names(choice.decisive) == ["writable"]
    assert choice.turns == {(False,): (1, 2), (True,): (3, 4)}
