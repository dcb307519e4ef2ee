"""Merges all recorded executions of one fragment into one description of it.

An address becomes a role (such as the entry that is being copied) and a distance from it; a
producer becomes a static micro-op.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.events import NO_PAGE, Context, Step
from costmodel.code.library import ROLES
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.recorder import RecordedProgram, Recording

_MAX_REACH: Final = 64
"""An address that is further than this from the origin of a role does not belong to the role. Only
the clearing of a table reaches all of its entries."""

_INPUTS: Final = 4
"""Columns of distances that are inputs; behind them stands the store that a load reads."""
_COLUMNS: Final = (
    (slice(0, 2), True), (slice(2, 4), True), (slice(0, 3), False), (slice(3, 4), False),
)  # fmt: skip
"""Inputs that may change places, of micro-ops that touch memory (address, data) and of others."""

_Input = tuple[int, set[int]]

Fragment = tuple[tuple[int, int], ...]
"""The static micro-op and the branch outcome of each row."""


@dataclass(frozen=True)
class Occurrence:
    """One time that a fragment was executed in a recording."""

    window: Recording
    first_row: int
    last: Step
    now: Step
    context: Context
    certain: bool


@dataclass(frozen=True)
class _Executed:
    """What all occurrences of a fragment executed, with axes for the occurrence and the row.

    ``distance`` and ``producer`` (static micro-ops) have a third axis, the input; a producer means
    something where there is a distance.
    """

    distance: Ints
    producer: Ints
    index: Ints
    offset: Ints

    @classmethod
    def of(cls, length: int, seen: Sequence[Occurrence]) -> _Executed:
        """Read the rows of a fragment of ``length`` rows out of the windows of its occurrences."""
        by_window: dict[int, list[int]] = {}
        for number, occurrence in enumerate(seen):
            by_window.setdefault(id(occurrence.window), []).append(number)
        distance, producer = np.empty((2, len(seen), length, _INPUTS), np.int64)
        index, offset = np.empty((2, len(seen), length), np.int64)
        for numbers in by_window.values():
            window = seen[numbers[0]].window
            rows = np.array([[seen[number].first_row] for number in numbers]) + np.arange(length)
            back = window.distance[rows, :_INPUTS]
            distance[numbers] = back
            producer[numbers] = window.uop[rows[:, :, None] - back]
            index[numbers] = window.index[rows]
            offset[numbers] = window.offset[rows]
        return cls(distance, producer, index, offset)


@dataclass
class FragmentBuilder:
    """Collects the rows of a library."""

    rows: list[tuple[int, ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    groups: dict[tuple[int, ...], int] = field(default_factory=dict)
    executed: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def add(self, program: RecordedProgram, fragment: Fragment, seen: Sequence[Occurrence]) -> int:
        """Append a fragment with the addresses and producers that fit all of its occurrences.

        Returns the number of the fragment.
        """
        self.starts.append(len(self.rows))
        self.lengths.append(len(fragment))
        executed = _Executed.of(len(fragment), seen)
        inputs = self._inputs(program, fragment, seen, executed)
        for position, (uop, taken) in enumerate(fragment):
            indices = executed.index[:, position].tolist()
            offsets = executed.offset[:, position].tolist()
            role, index, offset = _address(program, uop, seen, indices, offsets)
            near, far = zip(*map(self._producer, inputs[position]), strict=True)
            self.rows.append((uop, taken, role, index, offset, *near, *far))
        return len(self.starts) - 1

    def _producer(self, known: _Input) -> tuple[int, int]:
        """Return how many rows back the producer of an input is within the step, or else the group
        of micro-ops outside the step of which one produced it.
        """
        near, outside = known
        if near or not outside:
            return near, -1
        return near, self.groups.setdefault(tuple(sorted(outside)), len(self.groups))

    def _inputs(
        self,
        program: RecordedProgram,
        fragment: Fragment,
        seen: Sequence[Occurrence],
        executed: _Executed,
    ) -> list[list[_Input]]:
        """Return the inputs of each row of a fragment."""
        memory = np.array([bool(program.target[uop]) for uop, _ in fragment])
        inputs: list[list[_Input]] = [[] for _ in fragment]
        for columns, of_memory in _COLUMNS:
            positions = np.flatnonzero(memory == of_memory)
            if len(positions):
                found = self._of_columns(
                    positions,
                    executed.distance[:, positions, columns],
                    executed.producer[:, positions, columns],
                    seen,
                )
                for position, some in zip(positions.tolist(), found, strict=True):
                    inputs[position] += some
        return inputs

    def _of_columns(
        self, positions: Ints, distance: Ints, producer: Ints, seen: Sequence[Occurrence]
    ) -> list[list[_Input]]:
        """Return for each input the distance of its producer in the step, and producers outside it.

        ``distance`` and ``producer`` have a row for each occurrence, and columns for each of
        ``positions`` and each of the inputs that may change places: a recording leaves no empty
        column for an input whose producer lies before the window, and it names the producer of two
        inputs once. The occurrences with the most inputs determine the columns; the producers of
        all other occurrences are put into columns where they contradict none of them.
        """
        given = (distance > 0).sum(axis=2)
        full = (given == given.max(axis=0))[:, :, None]
        before = distance > positions[:, None]
        inside = full & ~before & (distance > 0)
        first = inside.argmax(axis=0)[None]
        near = np.where(inside.any(axis=0), np.take_along_axis(distance, first, axis=0)[0], 0)
        known = full & before
        outside: list[list[set[int]]] = [[set() for _ in row] for row in near]
        _, *at = np.nonzero(known)
        for place, which, uop in set(zip(*np.array([*at, producer[known]]).tolist(), strict=True)):
            outside[place][which].add(uop)
        others = before & ~full
        for place in np.flatnonzero(others.any(axis=(0, 2))).tolist():
            groups = outside[place]
            rows = [
                [
                    (seen[i], seen[i].first_row + int(positions[place] - distance[i, place, which]))
                    for i in np.flatnonzero(known[:, place, which]).tolist()
                ]
                for which in range(len(groups))
            ]
            for uop in {*producer[:, place][others[:, place]].tolist()}.difference(*groups):
                for group, places in zip(groups, rows, strict=True):
                    if places and all(self._is_older(uop, o, row) for o, row in places):
                        group.add(uop)
        return [list(zip(*pair, strict=True)) for pair in zip(near.tolist(), outside, strict=True)]

    def _is_older(self, uop: int, occurrence: Occurrence, row: int) -> bool:
        """Tell whether ``uop`` was not executed between ``row`` and the occurrence's start."""
        key = id(occurrence.window), uop
        if key not in self.executed:
            self.executed[key] = np.flatnonzero(occurrence.window.uop == uop).tolist()
        rows = self.executed[key]
        younger = bisect(rows, row)
        return younger == len(rows) or rows[younger] >= occurrence.first_row


def _address(
    program: RecordedProgram,
    uop: int,
    seen: Sequence[Occurrence],
    indices: list[int],
    offsets: list[int],
) -> tuple[int, int, int]:
    """Return role, index and offset of an address, which fit every occurrence.

    Where none do, the index is the one that fits most occurrences.
    """
    offset = Counter(offsets).most_common(1)[0][0]
    target = program.target[uop]
    if target in ("src", "dst"):
        names: tuple[str, ...] = ("slot", "last_slot", "block")
        indices = [index + o.window.first_slot for index, o in zip(indices, seen, strict=True)]
    elif target == "page":
        names = ("page", "last_page", "head", "last_head")
    else:
        return 0, Counter(indices).most_common(1)[0][0], offset
    reach = TABLE_PTES if program.kind[uop] == "zero" else _MAX_REACH
    best = max(
        (_fit(name, seen, indices, reach) for name in names),
        key=lambda fit: fit[0],
    )
    _, role, index = best
    return role, index, offset


def _fit(
    name: str, occurrences: Sequence[Occurrence], indices: Sequence[int], reach: int
) -> tuple[int, int, int]:
    """Return how many occurrences have the commonest distance from this role, and the distance."""
    distances: Counter[int] = Counter()
    for occurrence, index in zip(occurrences, indices, strict=True):
        origin = _origin(name, occurrence.last, occurrence.now)
        if origin is not None and abs(index - origin) <= reach:
            distances[index - origin] += 1
    if not distances:
        return 0, ROLES.index(name), 0
    distance, count = distances.most_common(1)[0]
    return count, ROLES.index(name), distance


def _origin(name: str, last: Step, now: Step) -> int | None:
    step = last if name.startswith("last_") else now
    if name == "block":
        return now.slot - now.slot % CONT_PTES
    if name.endswith("slot"):
        return step.slot
    page = step.page if name.endswith("page") else step.head
    return page if page != NO_PAGE else None
