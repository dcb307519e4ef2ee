"""Fragments along events: learnt once, then looked up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.automaton import (
    STAYS,
    Automaton,
    Events,
    FragmentSequence,
    FragmentUse,
    Transition,
)

REACH = 4
Question = tuple[int, int, int, int]


def events(kinds: list[int], slots: list[int] | None = None, restarts: int = -2) -> Events:
    """Return events behind one at slot 0; fragments start over at kind ``restarts``."""
    kind = np.array([0, *kinds], np.int64)
    slot = np.array([0, *(slots or [0] * len(kinds))], np.int64)
    return Events(kind, slot, kind == restarts)


def fragment(number: int, *, at_now: bool = True, starts: bool = False) -> FragmentUse:
    return FragmentUse(at_now, (number,), number, starts)


class Teacher:
    """Answers with transitions by kind, and writes down what it was asked."""

    def __init__(self, kinds: Events, transitions: dict[int, Transition]) -> None:
        self.kinds = kinds.kind
        self.transitions = transitions
        self.asked: list[Question] = []

    def __call__(self, state: int, last: int, now: int, first: int) -> Transition:
        self.asked.append((state, last, now, first))
        return self.transitions[int(self.kinds[now])]


def walked(
    automaton: Automaton, along: Events, transitions: dict[int, Transition]
) -> tuple[FragmentSequence, Teacher]:
    teacher = Teacher(along, transitions)
    return automaton.follow(along, 0, teacher), teacher


def test_what_was_learnt_is_not_asked_again() -> None:
    automaton, along = Automaton(REACH), events([5, 6, 5, 6])
    transitions = {5: Transition((fragment(50),), 1), 6: Transition((fragment(60),), 0)}
    taken, teacher = walked(automaton, along, transitions)
    assert taken.fragments.tolist() == [50, 60, 50, 60]
    assert taken.events.tolist() == taken.ends[1:].tolist() == [1, 2, 3, 4]
    assert teacher.asked == [(0, 0, 1, 0), (1, 1, 2, 0)]
    again, teacher = walked(automaton, along, {})
    assert again.fragments.tolist() == taken.fragments.tolist()
    assert teacher.asked == []


def test_a_state_tells_equal_events_apart() -> None:
    along = events([5, 5])
    answers = iter([Transition((fragment(1),), 1), Transition((fragment(2),), 1)])
    taken = Automaton(REACH).follow(along, 0, lambda *_: next(answers))
    assert taken.fragments.tolist() == [1, 2]


def test_fragments_may_be_on_the_entry_before() -> None:
    taken, _ = walked(
        Automaton(REACH),
        events([5, 6]),
        {
            5: Transition((fragment(50),), 0),
            6: Transition((fragment(7, at_now=False), fragment(60)), 0),
        },
    )
    assert taken.fragments.tolist() == [50, 7, 60]
    assert taken.events.tolist() == [1, 1, 2]
    assert taken.ends.tolist() == [0, 1, 3]


def test_fragments_are_taken_in_turn_until_they_start_over() -> None:
    turns = FragmentUse(True, (1, 2, 3), "turn", False)
    shared = FragmentUse(True, (4, 5, 6), "turn", False)
    transitions = {
        5: Transition((turns,), 0),
        6: Transition((shared,), 0),
        7: Transition((fragment(70),), 0),
    }
    taken, _ = walked(Automaton(REACH), events([5, 5, 6, 5, 7, 6], restarts=7), transitions)
    assert taken.fragments.tolist() == [1, 2, 6, 1, 70, 4]


def test_what_stays_is_numbered_and_changes_nothing() -> None:
    transitions = {
        5: Transition((fragment(50),), 0),
        6: Transition((fragment(7, at_now=False),), 0),
    }
    taken, teacher = walked(Automaton(REACH), events([5, STAYS, STAYS, 6]), transitions)
    assert taken.fragments.tolist() == [50, -1, -2, 7]
    assert taken.events.tolist() == [1, 1, 1, 1]
    assert teacher.asked[1] == (0, 1, 4, 0)


def test_long_batches_are_told_from_short_ones() -> None:
    transitions = {
        5: Transition((fragment(50, starts=True),), 0),
        6: Transition((fragment(60),), 0),
    }
    along = events([5, 6, 6, 6, 5, 6], [10, 11, 13, 14, 15, 16])
    _, teacher = walked(Automaton(REACH), along, transitions)
    # The batch starts at slot 10: only the entry at 14 is as far from it as the reach.
    assert teacher.asked == [(0, 0, 1, 0), (0, 1, 2, 10), (0, 3, 4, 10)]


@settings(deadline=None)
@given(
    kinds=st.lists(st.integers(0, 12) | st.just(STAYS), max_size=40),
    transitions=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 6), st.booleans()), min_size=13, max_size=13
    ),
)
def test_the_fragments_are_those_of_plain_python(
    kinds: list[int], transitions: list[tuple[int, int, bool]]
) -> None:
    """Tables grow with the states and kinds that turn up."""
    table = {
        kind: Transition((fragment(number, at_now=at_now), fragment(kind + 100)), state)
        for kind, (number, state, at_now) in enumerate(transitions)
    }
    expected: list[tuple[int, int]] = []
    last, stays = 0, 0
    for now, kind in enumerate(kinds, 1):
        if kind == STAYS:
            stays += 1
            expected.append((-stays, last))
            continue
        for use in table[kind].uses:
            expected.append((use.fragments[0], now if use.at_now else last))
        last = now
    automaton = Automaton(REACH)
    for _ in range(2):
        taken, _ = walked(automaton, events(kinds), table)
        found = zip(taken.fragments.tolist(), taken.events.tolist(), strict=True)
        assert list(found) == expected
