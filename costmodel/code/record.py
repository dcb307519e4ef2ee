"""Records a strategy: the recorded fragments that it takes, and its hand-written micro-ops.

Strategies yield thousands of events per page table, in few contexts, so the choice of a fragment is
remembered.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.automaton import (
    STAYS,
    Automaton,
    Events,
    FragmentSequence,
    FragmentUse,
    Transition,
)
from costmodel.code.bridge import is_before
from costmodel.code.events import ContextTracker, Step, kinds_left_out
from costmodel.code.library import Library, load_library
from costmodel.code.uops import Uop
from costmodel.code.yields import Vocabulary, Yields, endless, exhausted
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.user_code.blame import StrategyError

_RESTART: Final = "batch"
"""The event from which fragments taken in turn start again, so that equal batches look equal."""
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
    """The contexts that occurred with one library, and the fragments chosen in them."""

    def __init__(self, library: Library) -> None:
        """Start with nothing learnt."""
        self.events = {event: number for number, event in enumerate(library.events)}
        """The number of each event that there is a fragment to."""
        self._library = library
        self._automaton = Automaton(CONT_PTES - 1)
        self._states: dict[tuple[object, ...], int] = {}
        self._trackers: list[ContextTracker] = []

    def fragments(self, yields: Yields) -> FragmentSequence:
        """Return the fragments along what a strategy yielded; the first event happened before."""
        slot, traits = yields.columns[0], yields.columns[-1]
        known = map(self.events.__getitem__, yields.events[1:])
        number = np.frombuffer(array("q", [0, *known]), np.int64)
        place = _PLACE_OF[slot % TABLE_PTES]
        kind = (traits << _PLACE_BITS | place) << _EVENT_BITS | number
        kind[list(yields.by_hand)] = STAYS
        restarts = np.zeros(len(yields), np.bool_)
        if _RESTART in self.events:
            restarts = number == self.events[_RESTART]

        def learn(state: int, last: int, now: int, first: int) -> Transition:
            return self._learn(state, yields.step(last), yields.step(now), first)

        begin = yields.step(0)
        start = self._state(ContextTracker(begin, begin.event))
        return self._automaton.follow(Events(kind, slot, restarts), start, learn)

    def _learn(self, state: int, last: Step, now: Step, first: int) -> Transition:
        """Return the transition from ``last`` to ``now``; the batch started at slot ``first``."""
        tracker = self._trackers[state].copy()
        tracker.last, tracker.first = last, first
        uses = self._uses(tracker, now)
        for use, event in uses:
            tracker.advance((now if use.at_now else last)._replace(event=event))
        return Transition(tuple(use for use, _ in uses), self._state(tracker))

    def _uses(self, tracker: ContextTracker, now: Step) -> list[tuple[FragmentUse, str]]:
        """Return the uses of fragments that lead to ``now``, each with its event."""
        last, context, library = tracker.last.event, tracker.context_at(now), self._library
        uses = []
        for event in (*library.skipped(last, now.event), now.event):
            fragments, left_out = library.turns(last, event, context), event != now.event
            if left_out:  # all but the event itself
                fragments = tuple(fragment + library.recorded_fragments for fragment in fragments)
            at_now = not left_out or is_before(event, now.event, library.order)
            # A statistic runs over every so many pages, whatever they are.
            turn = last, event, len(fragments)
            uses.append((FragmentUse(at_now, fragments, turn, event == _STARTS), event))
            last = event
        return uses

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


MAX_MICRO_OPS: Final = 20_000_000
"""The most micro-ops of one page table; a strategy that needs more is taken to have no end."""
NOTHING: Final = "executes nothing at all: there is nothing to price"


@dataclass(frozen=True)
class Record:
    """What a strategy yielded, as arrays with one entry per step."""

    fragments: Ints
    """The fragment of the library, or ``-1 - k`` for hand-written micro-op ``k``, int64[m]."""
    contexts: Ints
    """Slot, last slot, page, last page, head and last head, int64[m, 6]."""
    masks: Ints
    """The kinds of micro-ops that are left out, as bit masks, int64[m]."""
    uops: tuple[Uop, ...]
    results: Ints
    """The (last) row of each yield, int64[yields]. Hand-written micro-ops name the yields that they
    wait for."""

    def chosen(self, steps: NDArray[np.bool_] | slice) -> Record:
        """Return the record of some steps; hand-written micro-ops keep their numbers."""
        return replace(
            self,
            fragments=self.fragments[steps],
            contexts=self.contexts[steps],
            masks=self.masks[steps],
        )


class Recorder:
    """Records strategies over one library, and remembers which fragments were chosen."""

    def __init__(self, library: Library) -> None:
        """Begin with the steps of ``library`` and without any choice."""
        self._library = library
        self._choices = Choices(library)

    @property
    def vocabulary(self) -> Vocabulary:
        """The events that strategies over the library may yield, and the instruction set."""
        return Vocabulary(self._library.name, self._library.isa, frozenset(self._choices.events))

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Run ``steps`` to their end and return their record; they begin after event ``last``.

        Raises StrategyError as :func:`costmodel.code.yields.exhausted` does.
        """
        return self.recorded(exhausted(steps, last, self.vocabulary))

    def recorded(self, yields: Yields) -> Record:
        """Return the record of what a strategy yielded.

        Raises StrategyError for more micro-ops than a page table can need.
        """
        if len(yields) == 1:
            raise StrategyError(NOTHING)
        by_hand = list(yields.by_hand)
        taken = self._choices.fragments(yields)
        *places, traits = yields.columns
        before = np.append(0, taken.events[:-1])[: len(taken.events)]
        contexts = np.stack(
            [of[which] for of in places for which in (taken.events, before)], axis=1
        )
        without = kinds_left_out(traits)
        without[by_hand] = 0
        masks = np.zeros(len(taken.fragments), np.int64)
        masks[taken.ends[1:] - 1] = without[1:]
        lengths = self._library.lengths(taken.fragments)
        rows = np.append(0, np.cumsum(lengths))
        if rows[-1] > MAX_MICRO_OPS:
            raise endless(len(yields) - 1)
        record = Record(taken.fragments, contexts, masks, yields.uops, rows[taken.ends[1:]] - 1)
        return record if lengths.all() else record.chosen(lengths > 0)


@cache
def recorder_of(operation: str, program: str) -> Recorder:
    """Return the recorder of a program; a process has one for each."""
    return Recorder(load_library(operation, program))
