"""Merges all recorded executions of one path into one description of it.

An address becomes a role (such as the entry that is being copied) and a distance from it; a
producer becomes a static micro-op.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from costmodel.code.events import NO_PAGE, Context, Step
from costmodel.code.library import ROLES
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.recorder import RecordedProgram, Recording

_MAX_REACH: Final = 64
"""An address that is further than this from the origin of a role does not belong to the role. Only
the clearing of a table reaches all of its entries."""


Path = tuple[tuple[int, int], ...]
"""The static micro-op and the branch outcome of each row."""


@dataclass(frozen=True)
class Occurrence:
    """One time that a path was executed in a recording."""

    window: Recording
    first_row: int
    last: Step
    now: Step
    context: Context
    certain: bool


@dataclass
class PathBuilder:
    """Collects the rows of a library."""

    rows: list[tuple[int, ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    groups: dict[tuple[int, ...], int] = field(default_factory=dict)
    executed: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    distances: dict[int, list[list[int]]] = field(default_factory=dict)

    def add(self, program: RecordedProgram, path: Path, seen: Sequence[Occurrence]) -> int:
        """Append a path with the addresses and producers that fit all of its occurrences.

        Returns the number of the path.
        """
        self.starts.append(len(self.rows))
        self.lengths.append(len(path))
        for position, (uop, taken) in enumerate(path):
            role, index, offset = _address(program, uop, position, seen)
            near, far = zip(*self._producers(program, uop, position, seen), strict=True)
            self.rows.append((uop, taken, role, index, offset, *near, *far))
        return len(self.starts) - 1

    def _producers(
        self, program: RecordedProgram, uop: int, position: int, seen: Sequence[Occurrence]
    ) -> Iterator[tuple[int, int]]:
        """Yield two numbers per input: how many rows back its producer is within the step, or else
        the group of micro-ops outside the step of which one produced it.
        """
        memory = bool(program.target[uop])
        for columns in ((0, 1), (2, 3)) if memory else ((0, 1, 2), (3,)):
            for near, outside in self._inputs(position, seen, columns):
                yield near, -1 if near or not outside else self._group(outside)

    def _group(self, members: set[int]) -> int:
        return self.groups.setdefault(tuple(sorted(members)), len(self.groups))

    def _inputs(
        self, position: int, seen: Sequence[Occurrence], columns: tuple[int, ...]
    ) -> list[tuple[int, set[int]]]:
        """Return for each input the distance of its producer in the step, and producers outside it.

        A recording leaves no empty column for an input whose producer lies before the window, and
        it names the producer of two inputs once. The same input may therefore stand in different
        columns. The occurrences with the most inputs determine the columns; the producers of all
        other occurrences are put into columns where they contradict none of them.
        """
        rows = [o.first_row + position for o in seen]
        first, end = columns[0], columns[-1] + 1
        distances = [
            self._distances(o.window)[row][first:end] for o, row in zip(seen, rows, strict=True)
        ]
        counts = [sum(d > 0 for d in ds) for ds in distances]
        most = max(counts)
        full = [i for i, count in enumerate(counts) if count == most]
        near = [
            next((d for i in full if 0 < (d := distances[i][c]) <= position), 0)
            for c in range(len(columns))
        ]
        known = [
            [(i, rows[i] - distances[i][c]) for i in full if distances[i][c] > position]
            for c in range(len(columns))
        ]
        outside = [{int(seen[i].window.uop[row]) for i, row in places} for places in known]
        others = {
            int(seen[i].window.uop[rows[i] - distance])
            for i in set(range(len(seen))).difference(full)
            for distance in distances[i]
            if distance > position
        }
        for producer in others.difference(*outside):
            for group, places in zip(outside, known, strict=True):
                if places and all(self._is_older(producer, seen[i], row) for i, row in places):
                    group.add(producer)
        return list(zip(near, outside, strict=True))

    def _distances(self, window: Recording) -> list[list[int]]:
        """Return the distances of a window as lists, whose single rows are faster to read."""
        if id(window) not in self.distances:
            self.distances[id(window)] = window.distance.tolist()
        return self.distances[id(window)]

    def _is_older(self, uop: int, occurrence: Occurrence, row: int) -> bool:
        """Tell whether ``uop`` was not executed between ``row`` and the occurrence's start."""
        key = id(occurrence.window), uop
        if key not in self.executed:
            self.executed[key] = np.flatnonzero(occurrence.window.uop == uop).tolist()
        rows = self.executed[key]
        younger = bisect(rows, row)
        return younger == len(rows) or rows[younger] >= occurrence.first_row


def _address(
    program: RecordedProgram, uop: int, position: int, seen: Sequence[Occurrence]
) -> tuple[int, int, int]:
    """Return role, index and offset of an address, which fit every occurrence.

    Where none do, the index is the one that fits most occurrences.
    """
    rows = [(o, o.first_row + position) for o in seen]
    offset = Counter(int(o.window.offset[row]) for o, row in rows).most_common(1)[0][0]
    indices = [int(o.window.index[row]) for o, row in rows]
    target = program.target[uop]
    if target in ("src", "dst"):
        names: tuple[str, ...] = ("slot", "last_slot", "block")
        indices = [index + o.window.first_slot for index, (o, _) in zip(indices, rows, strict=True)]
    elif target == "page":
        names = ("page", "last_page", "head", "last_head")
    else:
        return 0, Counter(indices).most_common(1)[0][0], offset
    reach = TABLE_PTES if program.kind[uop] == "zero" else _MAX_REACH
    best = max(
        (_fit(name, [o for o, _ in rows], indices, reach) for name in names),
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
