"""Cuts recordings into steps: ``python -m costmodel.steps.extract`` rebuilds the step archives.

A step is known by its two events. Where a program was recorded with several paths between the same
two events, the smallest set of facts that decides between them is found and stored with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.recordings import Program, Recording, load_program, program_names
from costmodel.recordings.archive import zip_arrays
from costmodel.steps import fork_events
from costmodel.steps.events import START, Mark, Step
from costmodel.steps.library import (
    BLOCK_PTES,
    ROLES,
    Choice,
    Library,
    Situation,
    situation,
    to_arrays,
)

FINDERS: dict[str, Callable[[Program, Recording], list[Mark]]] = {"fork": fork_events.find}
_MAX_REACH = 64  # an address this far from its role's origin is not about it

_Key = tuple[str, str]
_Path = tuple[tuple[int, int], ...]  # (static micro-op, branch outcome) of each row


@dataclass
class _Occurrence:
    window: Recording
    first_row: int
    last: Step
    now: Step
    facts: Situation
    certain: bool


@dataclass
class _Builder:
    """Collects the rows of a library."""

    rows: list[tuple[int, ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    groups: dict[tuple[int, ...], int] = field(default_factory=dict)

    def add(self, program: Program, path: _Path, seen: Sequence[_Occurrence]) -> int:
        """Append a path with the addresses and producers that all its occurrences share."""
        self.starts.append(len(self.rows))
        self.lengths.append(len(path))
        for position, (uop, taken) in enumerate(path):
            role, index, offset = _address(program, uop, position, seen)
            near, far = zip(*self._producers(program, uop, position, seen), strict=True)
            self.rows.append((uop, taken, role, index, offset, *near, *far))
        return len(self.starts) - 1

    def _producers(
        self, program: Program, uop: int, position: int, seen: Sequence[_Occurrence]
    ) -> Iterator[tuple[int, int]]:
        """Yield for each input the producer in the step (rows back), or the group outside it.

        A recording closes up the columns of inputs whose producer lies before the window, so only
        the occurrences with the most inputs tell which column is which.
        """
        memory = bool(program.target[uop])
        for columns in ((0, 1), (2, 3)) if memory else ((0, 1, 2), (3,)):
            distances = [o.window.distance[o.first_row + position, columns] for o in seen]
            most = max(np.count_nonzero(d) for d in distances)
            full = [
                (o, d) for o, d in zip(seen, distances, strict=True) if np.count_nonzero(d) == most
            ]
            for number in range(len(columns)):
                yield self._producer(position, [(o, int(d[number])) for o, d in full])

    def _producer(
        self, position: int, seen: Iterable[tuple[_Occurrence, int]]
    ) -> tuple[int, int]:
        outside: set[int] = set()
        for occurrence, distance in seen:
            if 0 < distance <= position:
                return distance, -1
            if distance > 0:
                row = occurrence.first_row + position
                outside.add(int(occurrence.window.uop[row - distance]))
        if not outside:
            return 0, -1
        return 0, self.groups.setdefault(tuple(sorted(outside)), len(self.groups))


def _address(
    program: Program, uop: int, position: int, seen: Sequence[_Occurrence]
) -> tuple[int, int, int]:
    """Return role, index and offset that fit every occurrence; the commonest index otherwise."""
    rows = [(o, o.first_row + position) for o in seen]
    offset = Counter(int(o.window.offset[row]) for o, row in rows).most_common(1)[0][0]
    indices = [int(o.window.index[row]) for o, row in rows]
    target = program.target[uop]
    if target in ("src", "dst"):
        names = ("slot", "last_slot", "block")
    elif target == "page":
        names = ("page", "last_page", "head", "last_head")
    else:
        return 0, Counter(indices).most_common(1)[0][0], offset
    best = max(
        (_fit(name, [o for o, _ in rows], indices) for name in names), key=lambda fit: fit[0]
    )
    _, role, index = best
    return role, index, offset


def _fit(
    name: str, occurrences: Sequence[_Occurrence], indices: Sequence[int]
) -> tuple[int, int, int]:
    """Return in how many occurrences the commonest distance from this role holds, and it."""
    distances: Counter[int] = Counter()
    for occurrence, index in zip(occurrences, indices, strict=True):
        origin = _origin(name, occurrence.last, occurrence.now)
        if origin is not None and abs(index - origin) <= _MAX_REACH:
            distances[index - origin] += 1
    if not distances:
        return 0, ROLES.index(name), 0
    distance, count = distances.most_common(1)[0]
    return count, ROLES.index(name), distance


def _origin(name: str, last: Step, now: Step) -> int | None:
    step = last if name.startswith("last_") else now
    if name == "block":
        return now.slot - now.slot % BLOCK_PTES
    if name.endswith("slot"):
        return step.slot
    page = step.page if name.endswith("page") else step.head
    return page if page != -1 else None


def _choose(seen: Iterable[tuple[int, _Occurrence]]) -> Choice:
    """Find the fewest facts that tell the recorded paths between two events apart."""
    everything = list(seen)
    occurrences = [pair for pair in everything if pair[1].certain] or everything
    usual = Counter(path for path, _ in occurrences).most_common(1)[0][0]
    count = len(Situation._fields)
    for size in range(count + 1):
        for features in combinations(range(count), size):
            paths: dict[tuple[Any, ...], int] = {}
            if all(
                paths.setdefault(tuple(o.facts[i] for i in features), path) == path
                for path, o in occurrences
            ):
                return Choice(features, paths if features else {}, usual)
    facts = tuple(range(count))
    votes: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for path, occurrence in occurrences:
        votes[tuple(occurrence.facts)][path] += 1
    return Choice(facts, {key: c.most_common(1)[0][0] for key, c in votes.items()}, usual)


def extract(operation: str, program: Program) -> Library:
    """Return the steps of a recorded program."""
    found: dict[_Key, dict[_Path, list[_Occurrence]]] = defaultdict(lambda: defaultdict(list))
    for window in program.recordings.values():
        _cut(window, FINDERS[operation](program, window), found)
    builder = _Builder()
    choices: dict[_Key, Choice] = {}
    for key, paths in sorted(found.items()):
        numbered = [(builder.add(program, path, seen), seen) for path, seen in paths.items()]
        choices[key] = _choose((number, o) for number, seen in numbered for o in seen)
    return _library(program, builder, choices)


def _cut(
    window: Recording,
    marks: Sequence[Mark],
    found: dict[_Key, dict[_Path, list[_Occurrence]]],
) -> None:
    before_last, last, first_row, certain = START, Step(START, 0, -1, -1), 0, True
    uops, taken = window.uop.tolist(), window.taken.tolist()
    for number, mark in enumerate(marks):
        stop = mark.row + 1
        if number:  # the first step of a window is cut off in its middle
            path = tuple(zip(uops[first_row:stop], taken[first_row:stop], strict=True))
            facts = situation(before_last, last, mark.step)
            occurrence = _Occurrence(window, first_row, last, mark.step, facts, certain)
            found[last.event, mark.step.event][path].append(occurrence)
        before_last = last.event if number else _before_window(window, mark.step)
        last, first_row, certain = mark.step, stop, mark.certain


def _before_window(window: Recording, first: Step) -> str:
    """Return the event before a window: whole tables were cut just behind their allocation."""
    if window.layout != "order9":
        return START
    return "read" if first.event == "gather" else "alloc"


def _library(program: Program, builder: _Builder, choices: dict[_Key, Choice]) -> Library:
    rows = np.array(builder.rows, dtype=np.int64)
    lengths = [len(group) for group in builder.groups]
    return Library(
        name=program.name,
        site=program.site,
        kind=program.kind,
        op=program.op,
        target=program.target,
        size_bytes=program.size_bytes,
        function=program.function,
        path_start=np.array(builder.starts),
        path_length=np.array(builder.lengths),
        uop=rows[:, 0],
        taken=rows[:, 1],
        role=rows[:, 2],
        index=rows[:, 3],
        offset=rows[:, 4],
        near=rows[:, 5:9],
        far=rows[:, 9:13],
        group_start=np.cumsum([0, *lengths]),
        group_member=np.array([member for group in builder.groups for member in group]),
        choices=choices,
    )


def main() -> None:
    """Rebuild all step archives."""
    from costmodel.files import write_bytes

    for operation in FINDERS:
        for name in program_names(operation):
            library = extract(operation, load_program(operation, name))
            path = Path(__file__).parent / "data" / operation / f"{name}.npz"
            write_bytes(path, zip_arrays(to_arrays(library).items()))


if __name__ == "__main__":
    main()
