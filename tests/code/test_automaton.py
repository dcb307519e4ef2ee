"""Ways along events: learnt once, then looked up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.automaton import STAYS, Automaton, Events, Hop, Move, Way

REACH = 4
Question = tuple[int, int, int, int]


def events(kinds: list[int], slots: list[int] | None = None, restarts: int = -2) -> Events:
    """Return events behind one at slot 0; paths start over at kind ``restarts``."""
    kind = np.array([0, *kinds], np.int64)
    slot = np.array([0, *(slots or [0] * len(kinds))], np.int64)
    return Events(kind, slot, kind == restarts)


def path(number: int, *, at_now: bool = True, starts: bool = False) -> Hop:
    return Hop(at_now, (number,), number, starts)


class Teacher:
    """Answers with moves by kind, and writes down what it was asked."""

    def __init__(self, kinds: Events, moves: dict[int, Move]) -> None:
        self.kinds = kinds.kind
        self.moves = moves
        self.asked: list[Question] = []

    def __call__(self, state: int, last: int, now: int, first: int) -> Move:
        self.asked.append((state, last, now, first))
        return self.moves[int(self.kinds[now])]


def walked(automaton: Automaton, along: Events, moves: dict[int, Move]) -> tuple[Way, Teacher]:
    teacher = Teacher(along, moves)
    return automaton.follow(along, 0, teacher), teacher


def test_what_was_learnt_is_not_asked_again() -> None:
    automaton, along = Automaton(REACH), events([5, 6, 5, 6])
    moves = {5: Move((path(50),), 1), 6: Move((path(60),), 0)}
    way, teacher = walked(automaton, along, moves)
    assert way.paths.tolist() == [50, 60, 50, 60]
    assert way.events.tolist() == way.ends[1:].tolist() == [1, 2, 3, 4]
    assert teacher.asked == [(0, 0, 1, 0), (1, 1, 2, 0)]
    again, teacher = walked(automaton, along, {})
    assert again.paths.tolist() == way.paths.tolist()
    assert teacher.asked == []


def test_a_state_tells_equal_events_apart() -> None:
    along = events([5, 5])
    answers = iter([Move((path(1),), 1), Move((path(2),), 1)])
    way = Automaton(REACH).follow(along, 0, lambda *_: next(answers))
    assert way.paths.tolist() == [1, 2]


def test_a_way_may_lead_over_the_entry_before() -> None:
    way, _ = walked(
        Automaton(REACH),
        events([5, 6]),
        {5: Move((path(50),), 0), 6: Move((path(7, at_now=False), path(60)), 0)},
    )
    assert way.paths.tolist() == [50, 7, 60]
    assert way.events.tolist() == [1, 1, 2]
    assert way.ends.tolist() == [0, 1, 3]


def test_paths_are_taken_in_turn_until_they_start_over() -> None:
    turns = Hop(True, (1, 2, 3), "turn", False)
    shared = Hop(True, (4, 5, 6), "turn", False)
    moves = {5: Move((turns,), 0), 6: Move((shared,), 0), 7: Move((path(70),), 0)}
    way, _ = walked(Automaton(REACH), events([5, 5, 6, 5, 7, 6], restarts=7), moves)
    assert way.paths.tolist() == [1, 2, 6, 1, 70, 4]


def test_what_stays_is_numbered_and_changes_nothing() -> None:
    moves = {5: Move((path(50),), 0), 6: Move((path(7, at_now=False),), 0)}
    way, teacher = walked(Automaton(REACH), events([5, STAYS, STAYS, 6]), moves)
    assert way.paths.tolist() == [50, -1, -2, 7]
    assert way.events.tolist() == [1, 1, 1, 1]
    assert teacher.asked[1] == (0, 1, 4, 0)


def test_long_batches_are_told_from_short_ones() -> None:
    moves = {5: Move((path(50, starts=True),), 0), 6: Move((path(60),), 0)}
    along = events([5, 6, 6, 6, 5, 6], [10, 11, 13, 14, 15, 16])
    _, teacher = walked(Automaton(REACH), along, moves)
    # The batch starts at slot 10: only the entry at 14 is as far from it as the reach.
    assert teacher.asked == [(0, 0, 1, 0), (0, 1, 2, 10), (0, 3, 4, 10)]


@settings(deadline=None)
@given(
    kinds=st.lists(st.integers(0, 12) | st.just(STAYS), max_size=40),
    moves=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 6), st.booleans()), min_size=13, max_size=13
    ),
)
def test_the_way_is_that_of_plain_python(
    kinds: list[int], moves: list[tuple[int, int, bool]]
) -> None:
    """Tables grow with the states and kinds that turn up."""
    table = {
        kind: Move((path(number, at_now=at_now), path(kind + 100)), state)
        for kind, (number, state, at_now) in enumerate(moves)
    }
    expected: list[tuple[int, int]] = []
    last, stays = 0, 0
    for now, kind in enumerate(kinds, 1):
        if kind == STAYS:
            stays += 1
            expected.append((-stays, last))
            continue
        for hop in table[kind].hops:
            expected.append((hop.paths[0], now if hop.at_now else last))
        last = now
    automaton = Automaton(REACH)
    for _ in range(2):
        way, _ = walked(automaton, events(kinds), table)
        found = zip(way.paths.tolist(), way.events.tolist(), strict=True)
        assert list(found) == expected
