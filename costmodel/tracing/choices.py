"""Which recorded path leads to the next event: an automaton, learnt while strategies run.

Strategies yield thousands of events per page table, in few situations. A situation that was met
before costs one look-up.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from costmodel.kernel.pte import TABLE_PTES
from costmodel.steps.bridge import is_before
from costmodel.steps.events import Step
from costmodel.steps.library import Library
from costmodel.steps.situation import BLOCK_PTES, History

PLACES: Final = (*(slot % BLOCK_PTES for slot in range(TABLE_PTES - 1)), BLOCK_PTES)
"""By slot: the place in its block of 16; a place of its own for the last slot of a table."""

Key = tuple[int, str, int, int, bool]
"""State, event, traits, place, and whether the batch has reached 16 entries."""


class Hop(NamedTuple):
    """One event on the way, on the entry of the new event or on the last one's; its paths."""

    event: str
    at_now: bool
    paths: tuple[int, ...]


class Move(NamedTuple):
    """The step to an event and the state behind it.

    ``path`` is the only path, or -1 where there are several ``hops`` (events that the strategy left
    out) or paths that are taken in turn.
    """

    path: int
    hops: tuple[Hop, ...]
    state: int


class Choices:
    """The automaton of one library."""

    def __init__(self, library: Library) -> None:
        """Start with nothing learnt."""
        self.moves: dict[Key, Move] = {}
        self._library = library
        self._states: dict[tuple[object, ...], int] = {}
        self._histories: list[History] = []

    def start(self, last: Step) -> int:
        """Return the state behind event ``last``."""
        return self._state(History(last, last.event))

    def learn(self, key: Key, last: Step, now: Step, first: int) -> Move:
        """Return the move for ``key``; the batch started at slot ``first``.

        Raises KeyError for an event that the program was never recorded with.
        """
        history = self._histories[key[0]].copy()
        history.last, history.first = last, first
        hops = self._hops(history, now)
        for hop in hops:
            history.advance((now if hop.at_now else last)._replace(event=hop.event))
        path = hops[0].paths[0] if len(hops) == 1 and len(hops[0].paths) == 1 else -1
        move = self.moves[key] = Move(path, hops, self._state(history))
        return move

    def _hops(self, history: History, now: Step) -> tuple[Hop, ...]:
        last, facts, library = history.last.event, history.situation(now), self._library
        hops = []
        for event in library.skipped(last, now.event):
            paths = library.turns(last, event, facts)
            without_event = tuple(path + library.recorded_paths for path in paths)
            hops.append(Hop(event, is_before(event, now.event), without_event))
            last = event
        return (*hops, Hop(now.event, True, library.turns(last, now.event, facts)))

    def _state(self, history: History) -> int:
        last = history.last
        key = (
            last.event,
            last.traits,
            PLACES[last.slot % TABLE_PTES],
            history.before_last,
            history.batch_facts,
            history.scanned,
            history.first % BLOCK_PTES == 0,
        )
        if key not in self._states:
            self._states[key] = len(self._histories)
            self._histories.append(history.copy())
        return self._states[key]
