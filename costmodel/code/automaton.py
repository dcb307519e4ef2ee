"""An automaton that follows events in compiled loops: the move in each context is learnt once."""

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
"""The kind of an event that has no move: a micro-op written by hand."""
_NOBODY, _NOW, _LAST = range(3)
_UNKNOWN: Final = -1


class Hop(NamedTuple):
    """One recorded step on the way to an event.

    ``at_now``: it is on the entry of that event, else on that of the last event. Where there are
    several ``paths``, they are taken in turn, and hops with the same ``turn`` are counted together.
    ``starts``: a batch starts at the entry.
    """

    at_now: bool
    paths: tuple[int, ...]
    turn: Hashable
    starts: bool


class Move(NamedTuple):
    """The hops that lead to an event, and the state after it."""

    hops: tuple[Hop, ...]
    state: int


class Events(NamedTuple):
    """Events in order, one entry each; the first one has happened before."""

    kind: Ints
    """What decides the move besides the state, or ``STAYS``, int64[n]."""
    slot: Ints
    """The slot of the event's entry, int64[n]."""
    restarts: NDArray[np.bool_]
    """Whether paths that are taken in turn start again here, bool[n]."""


class Way(NamedTuple):
    """The paths that lead along the events."""

    paths: Ints
    """The number of each path, int64[m]; ``-1 - k`` for the ``k``-th event that stays."""
    events: Ints
    """The event on whose entry each path is taken, int64[m]."""
    ends: Ints
    """The number of paths up to and including those of each event, int64[n]."""


Learn = Callable[[int, int, int, int], Move]
"""A function that returns a move. It is given the state, the numbers of the last event and of this
one, and the first slot of the batch."""


class Automaton:
    """The moves by context; batches of at least ``reach`` entries are another context."""

    def __init__(self, reach: int) -> None:
        """Begin without any move."""
        self._reach = reach
        self._kinds: dict[int, int] = {}
        self._table = np.zeros((0, 0, 2), np.int16)  # by state, kind and reach: move
        self._effects = np.zeros((0, 2), np.int16)  # by move: state, who starts a batch
        self._first_hop = [0]
        self._hops: list[tuple[int, int, int, int]] = []
        self._turns: dict[Hashable, int] = {}
        self._paths: list[int] = []

    def follow(self, events: Events, state: int, learn: Learn) -> Way:
        """Return the way along ``events``; ``learn`` is called for moves that are not known yet."""
        kind = self._numbered(events.kind)
        moves = np.full(len(kind), _UNKNOWN, np.int64)
        at = np.array([1, 0, state, events.slot[0]], np.int64)
        self._table = _roomy(self._table, (state, len(self._kinds), 1))
        while not _follow(kind, events.slot, self._table, self._effects, self._reach, at, moves):
            now, last, state, first = at.tolist()
            move = learn(state, last, now, first)
            self._table = _roomy(self._table, (move.state, len(self._kinds), 1))
            far = int(events.slot[now] - first >= self._reach)
            self._table[state, kind[now], far] = self._added(move)
        return Way(
            *_way(
                moves,
                events.restarts,
                np.array(self._first_hop),
                np.array(self._hops, np.int64).reshape(-1, 4),
                np.array(self._paths, np.int64),
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

    def _added(self, move: Move) -> int:
        """Add a move and return its number."""
        starts = _NOBODY
        for hop in move.hops:
            if hop.starts:
                starts = _NOW if hop.at_now else _LAST
            turn = self._turns.setdefault(hop.turn, len(self._turns))
            self._hops.append((hop.at_now, turn, len(self._paths), len(hop.paths)))
            self._paths.extend(hop.paths)
        number = len(self._first_hop) - 1
        self._first_hop.append(len(self._hops))
        self._effects = _roomy(self._effects, (number, 1))
        self._effects[number] = move.state, starts
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
    kind: Ints, slot: Ints, table: Shorts, effects: Shorts, reach: int, at: Ints, moves: Ints
) -> bool:
    """Follow events until a context is not known; tell whether the end was reached.

    ``at`` holds the event, the last event that did not stay, the state, and the slot at which the
    batch started.
    """
    now, last, state, first = at[0], at[1], at[2], at[3]
    while now < len(kind):
        if kind[now] >= 0:
            move = table[state, kind[now], int(slot[now] - first >= reach)]
            if move == _UNKNOWN:
                at[0], at[1], at[2], at[3] = now, last, state, first
                return False
            moves[now] = move
            state = effects[move, 0]
            if effects[move, 1] != _NOBODY:
                first = slot[now] if effects[move, 1] == _NOW else slot[last]
            last = now
        now += 1
    return True


@compiled
def _way(
    moves: Ints,
    restarts: NDArray[np.bool_],
    first_hop: Ints,
    hops: Ints,
    turns: Ints,
    taken: Ints,
) -> tuple[Ints, Ints, Ints]:
    """Return the paths, the event of each, and where those of each event end."""
    count = 0
    for move in moves[1:]:
        count += 1 if move < 0 else first_hop[move + 1] - first_hop[move]
    paths = np.empty(count, np.int64)
    events = np.empty(count, np.int64)
    ends = np.zeros(len(moves), np.int64)
    at = last = stays = 0
    for now in range(1, len(moves)):
        move = moves[now]
        if restarts[now]:
            taken[:] = 0
        if move < 0:
            stays += 1
            paths[at] = -stays
            events[at] = last
            at += 1
        else:
            for hop in range(first_hop[move], first_hop[move + 1]):
                turn = hops[hop, 1]
                paths[at] = turns[hops[hop, 2] + taken[turn] % hops[hop, 3]]
                taken[turn] += 1
                events[at] = now if hops[hop, 0] else last
                at += 1
            last = now
        ends[now] = at
    return paths, events, ends
