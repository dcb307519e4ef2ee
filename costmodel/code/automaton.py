"""An automaton that follows events in compiled loops; each transition is learnt once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.sequences import numbered
from costmodel.jit import compiled

Shorts = NDArray[np.int16]

STAYS: Final = -(1 << 62)
"""The kind of an event that has no transition: a micro-op written by hand."""
_NOBODY, _NOW, _LAST = range(3)
_UNKNOWN: Final = -1


class FragmentUse(NamedTuple):
    """One recorded fragment that is executed before an event happens.

    ``at_now``: it is on the entry of that event, else on that of the last event. Where there are
    several ``fragments``, they are taken in turn, and uses with the same ``turn`` are counted
    together. ``starts``: a batch starts at the entry.
    """

    at_now: bool
    fragments: tuple[int, ...]
    turn: Hashable
    starts: bool


class Transition(NamedTuple):
    """The fragments that lead to an event, and the state after it."""

    uses: tuple[FragmentUse, ...]
    state: int


class Events(NamedTuple):
    """Events in order, one entry each; the first one has happened before."""

    kind: Ints
    """What decides the transition besides the state, or ``STAYS``, int64[n]."""
    slot: Ints
    """The slot of the event's entry, int64[n]."""
    restarts: NDArray[np.bool_]
    """Whether fragments that are taken in turn start again here, bool[n]."""


class FragmentSequence(NamedTuple):
    """The fragments that are executed along the events."""

    fragments: Ints
    """The number of each fragment, int64[m]; ``-1 - k`` for the ``k``-th event that stays."""
    events: Ints
    """The event on whose entry each fragment is taken, int64[m]."""
    ends: Ints
    """The number of fragments up to and including those of each event, int64[n]."""


Learn = Callable[[int, int, int, int], Transition]
"""A function that returns a transition. It is given the state, the numbers of the last event and of
this one, and the first slot of the batch."""


class Automaton:
    """The transitions by context; batches of at least ``reach`` entries are another context."""

    def __init__(self, reach: int) -> None:
        """Begin without any transition."""
        self._reach = reach
        self._kinds: dict[int, int] = {}
        self._table = np.zeros((0, 0, 2), np.int16)  # by state, kind and reach: transition
        self._effects = np.zeros((0, 2), np.int16)  # by transition: state, who starts a batch
        self._first_use = [0]
        self._uses: list[tuple[int, int, int, int]] = []
        self._turns: dict[Hashable, int] = {}
        self._fragments: list[int] = []

    def follow(self, events: Events, state: int, learn: Learn) -> FragmentSequence:
        """Return the fragments along ``events``; ``learn`` is called for unknown transitions."""
        kind = self._numbered(events.kind)
        transitions = np.full(len(kind), _UNKNOWN, np.int64)
        at = np.array([1, 0, state, events.slot[0]], np.int64)
        self._table = _roomy(self._table, (state, len(self._kinds), 1))
        while not _follow(
            kind, events.slot, self._table, self._effects, self._reach, at, transitions
        ):
            now, last, state, first = at.tolist()
            transition = learn(state, last, now, first)
            self._table = _roomy(self._table, (transition.state, len(self._kinds), 1))
            far = int(events.slot[now] - first >= self._reach)
            self._table[state, kind[now], far] = self._added(transition)
        return FragmentSequence(
            *_taken(
                transitions,
                events.restarts,
                np.array(self._first_use),
                np.array(self._uses, np.int64).reshape(-1, 4),
                np.array(self._fragments, np.int64),
                np.zeros(len(self._turns), np.int64),
            )
        )

    def _numbered(self, kinds: Ints) -> Ints:
        """Return a number for each kind; a kind keeps its number between calls."""
        numbers, first = numbered(kinds)
        known = (
            -1 if kind == STAYS else self._kinds.setdefault(kind, len(self._kinds))
            for kind in kinds[first].tolist()
        )
        return np.array(list(known), np.int64)[numbers]

    def _added(self, transition: Transition) -> int:
        """Add a transition and return its number."""
        starts = _NOBODY
        for use in transition.uses:
            if use.starts:
                starts = _NOW if use.at_now else _LAST
            turn = self._turns.setdefault(use.turn, len(self._turns))
            self._uses.append((use.at_now, turn, len(self._fragments), len(use.fragments)))
            self._fragments.extend(use.fragments)
        number = len(self._first_use) - 1
        self._first_use.append(len(self._uses))
        self._effects = _roomy(self._effects, (number, 1))
        self._effects[number] = transition.state, starts
        return number


def _roomy(table: Shorts, last: tuple[int, ...]) -> Shorts:
    """Return the table, made twice as large as needed where it has no place ``last``."""
    shape = tuple(
        size if index < size else 2 * (index + 1)
        for index, size in zip(last, table.shape, strict=True)
    )
    if shape == table.shape:
        return table
    larger = np.full(shape, _UNKNOWN, np.int16)
    larger[tuple(map(slice, table.shape))] = table
    return larger


@compiled
def _follow(
    kind: Ints, slot: Ints, table: Shorts, effects: Shorts, reach: int, at: Ints, transitions: Ints
) -> bool:
    """Follow events until a context is not known; tell whether the end was reached.

    ``at`` holds the event, the last event that did not stay, the state, and the slot at which the
    batch started.
    """
    now, last, state, first = at[0], at[1], at[2], at[3]
    while now < len(kind):
        if kind[now] >= 0:
            transition = table[state, kind[now], int(slot[now] - first >= reach)]
            if transition == _UNKNOWN:
                at[0], at[1], at[2], at[3] = now, last, state, first
                return False
            transitions[now] = transition
            state = effects[transition, 0]
            if effects[transition, 1] != _NOBODY:
                first = slot[now] if effects[transition, 1] == _NOW else slot[last]
            last = now
        now += 1
    return True


@compiled
def _taken(
    transitions: Ints,
    restarts: NDArray[np.bool_],
    first_use: Ints,
    uses: Ints,
    fragment_numbers: Ints,
    counts: Ints,
) -> tuple[Ints, Ints, Ints]:
    """Return the fragments, the event of each, and where those of each event end."""
    count = 0
    for transition in transitions[1:]:
        count += 1 if transition < 0 else first_use[transition + 1] - first_use[transition]
    fragments = np.empty(count, np.int64)
    events = np.empty(count, np.int64)
    ends = np.zeros(len(transitions), np.int64)
    at = last = stays = 0
    for now in range(1, len(transitions)):
        transition = transitions[now]
        if restarts[now]:
            counts[:] = 0
        if transition < 0:
            stays += 1
            fragments[at] = -stays
            events[at] = last
            at += 1
        else:
            for use in range(first_use[transition], first_use[transition + 1]):
                turn = uses[use, 1]
                fragments[at] = fragment_numbers[uses[use, 2] + counts[turn] % uses[use, 3]]
                counts[turn] += 1
                events[at] = now if uses[use, 0] else last
                at += 1
            last = now
        ends[now] = at
    return fragments, events, ends
