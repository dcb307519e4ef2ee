"""Chooses the recorded paths that lead from event to event.

Strategies yield thousands of events per page table, in few contexts, so each choice is remembered.
"""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np

from costmodel.code.automaton import STAYS, Automaton, Events, Hop, Ints, Move, Way
from costmodel.code.bridge import is_before
from costmodel.code.context import ContextTracker
from costmodel.code.events import Step
from costmodel.code.library import Library
from costmodel.code.yields import Yields
from costmodel.mm.pte import CONT_PTES, TABLE_PTES

_RESTART: Final = "batch"
"""The event from which paths taken in turn start again, so that equal batches look equal."""
_STARTS: Final = "get"
"""The event at which a batch starts."""
_EVENT_BITS: Final = 8
_PLACE_BITS: Final = 2
_BLOCK_START, _BLOCK_END, _TABLE_END = 1, 2, 3
_PLACE_OF: Final[Ints] = np.zeros(TABLE_PTES, np.int64)
_PLACE_OF[::CONT_PTES] = _BLOCK_START
_PLACE_OF[CONT_PTES - 1 :: CONT_PTES] = _BLOCK_END
_PLACE_OF[-1] = _TABLE_END
"""For each slot, whether it is the first or last entry of a block, the last of a table, or another
one."""


class Choices:
    """The contexts that occurred with one library, and the paths chosen in them."""

    def __init__(self, library: Library) -> None:
        """Start with nothing learnt."""
        self.events = {event: number for number, event in enumerate(library.events)}
        """The number of each event that there is a path to."""
        self._library = library
        self._automaton = Automaton(CONT_PTES - 1)
        self._states: dict[tuple[object, ...], int] = {}
        self._trackers: list[ContextTracker] = []

    def way(self, yields: Yields) -> Way:
        """Return the paths along what a strategy yielded; the first event happened before."""
        slot, traits = yields.columns[0], yields.columns[-1]
        known = map(self.events.__getitem__, yields.events[1:])
        number = np.frombuffer(array("q", [0, *known]), np.int64)
        place = _PLACE_OF[slot % TABLE_PTES]
        kind = (traits << _PLACE_BITS | place) << _EVENT_BITS | number
        kind[list(yields.by_hand)] = STAYS
        restarts = np.zeros(len(yields), np.bool_)
        if _RESTART in self.events:
            restarts = number == self.events[_RESTART]

        def learn(state: int, last: int, now: int, first: int) -> Move:
            return self._learn(state, yields.step(last), yields.step(now), first)

        begin = yields.step(0)
        start = self._state(ContextTracker(begin, begin.event))
        return self._automaton.follow(Events(kind, slot, restarts), start, learn)

    def _learn(self, state: int, last: Step, now: Step, first: int) -> Move:
        """Return the move from ``last`` to ``now``; the batch started at slot ``first``."""
        tracker = self._trackers[state].copy()
        tracker.last, tracker.first = last, first
        hops = self._hops(tracker, now)
        for hop, event in hops:
            tracker.advance((now if hop.at_now else last)._replace(event=event))
        return Move(tuple(hop for hop, _ in hops), self._state(tracker))

    def _hops(self, tracker: ContextTracker, now: Step) -> list[tuple[Hop, str]]:
        """Return the hops that lead to ``now``, each with its event."""
        last, facts, library = tracker.last.event, tracker.context_at(now), self._library
        hops = []
        for event in (*library.skipped(last, now.event), now.event):
            paths, on_the_way = library.turns(last, event, facts), event != now.event
            if on_the_way:  # all but the event itself
                paths = tuple(path + library.recorded_paths for path in paths)
            at_now = not on_the_way or is_before(event, now.event, library.order)
            # A statistic runs over every so many pages, whatever they are.
            turn = last, event, len(paths)
            hops.append((Hop(at_now, paths, turn, event == _STARTS), event))
            last = event
        return hops

    def _state(self, tracker: ContextTracker) -> int:
        last = tracker.last
        key = (
            last.event,
            last.traits,
            int(_PLACE_OF[last.slot % TABLE_PTES]),
            tracker.before_last,
            tracker.batch_facts,
            tracker.scanned,
            tracker.first % CONT_PTES == 0,
        )
        if key not in self._states:
            self._states[key] = len(self._trackers)
            self._trackers.append(tracker.copy())
        return self._states[key]
