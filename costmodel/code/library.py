"""The recorded steps of one compiled kernel, to be looked up by events and put into a trace."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.events import Context
from costmodel.code.step_archive import ENDING, Arrays, names_of, unpacked
from costmodel.config.errors import ConfigError
from costmodel.disk_cache import kept_on_disk
from costmodel.operations.registry import operation_named

Names = NDArray[np.object_]
"""Texts, of which only few are different: an array of references takes a tenth of their space."""

ROLES = (
    "fixed",  # a line of the stack, the VMA, ... that is the same every time
    "slot",  # the entry of the event that ends the step
    "last_slot",  # the entry of the event before
    "block",  # the contiguous block of the event that ends the step
    "page",  # the struct page of the event that ends the step
    "last_page",
    "head",  # the first struct page of its folio
    "last_head",
)


RAGGED: Final = "ragged"
"""Beginning of the names of layouts with folios of many orders, some of them partly mapped."""
_RELATIVES = {"peek": "scan"}
"""Events that can stand for each other: a scan that goes on and one that stops execute the same
code up to its last branch."""


@dataclass(frozen=True)
class RecordedChoice:
    """The recorded fragments between two events, and the facts that decide between them.

    ``decisive`` holds indices into :class:`Context`, ``fragments`` maps the values of these facts
    to a fragment number. ``usual`` is the fragment recorded most often, for a context that was not
    recorded. ``turns`` maps the values to fragments that are taken in turn, where no known fact
    decides (per-CPU counters that overflow, free lists that are merged).
    """

    decisive: tuple[int, ...]
    fragments: Mapping[tuple[Any, ...], int]
    usual: int
    turns: Mapping[tuple[Any, ...], tuple[int, ...]] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """All fragment numbers; some occur more than once."""
        return (*self.fragments.values(), self.usual, *chain(*self.turns.values()))

    def renumbered(self, number: Mapping[int, int]) -> RecordedChoice:
        """Return the same choice with other numbers for its fragments."""
        fragments = {key: number[fragment] for key, fragment in self.fragments.items()}
        turns = {key: tuple(map(number.__getitem__, some)) for key, some in self.turns.items()}
        return RecordedChoice(self.decisive, fragments, number[self.usual], turns)


@dataclass(frozen=True)
class Library:
    """All steps of one recorded program.

    * Static micro-ops, ``[u]``: ``site``, ``kind``, ``op``, ``target``, ``size_bytes`` and
      ``function``.
    * Fragments, ``[p]``: ``fragment_start`` and ``fragment_length`` into the rows.
    * Rows, ``[r]``: ``uop`` (the static micro-op), ``taken``, ``role`` (index into ROLES),
      ``index`` (a line number, or a slot or struct-page number relative to the role), ``offset``
      (bytes), ``near`` (``[r, 4]``, rows back to a producer in the same step, 0 for none) and
      ``far`` (``[r, 4]``, a group of static micro-ops, of which the one executed last is the
      producer; -1 for none).
    * Groups: ``group_start`` is where each begins in ``group_member``.
    """

    name: str
    site: Ints
    kind: Names
    op: Names
    target: Names
    size_bytes: Ints
    function: Names
    fragment_start: Ints
    fragment_length: Ints
    uop: Ints
    taken: Ints
    role: Ints
    index: Ints
    offset: Ints
    near: NDArray[np.int32]
    far: NDArray[np.int32]
    group_start: Ints
    group_member: Ints
    choices: Mapping[tuple[str, str], RecordedChoice]
    order: tuple[str, ...] = ()
    """Events in their order on one entry or batch; it decides which ones can have been left out."""
    layouts: tuple[str, ...] = ()
    """The layouts on which it was recorded: ``order0``, ``order9``, ``order0_aligned``, ..."""

    @property
    def isa(self) -> str:
        """The instruction set: ``arm64`` or ``x86_64``."""
        return "x86_64" if self.name.endswith("x86_64") else "arm64"

    @cached_property
    def fragment_events(self) -> tuple[str, ...]:
        """The event that each fragment ends with; empty for an unused fragment."""
        events = [""] * len(self.fragment_start)
        for (_, now), choice in self.choices.items():
            for fragment in choice.numbers:
                events[fragment] = events[fragment + self.recorded_fragments] = now
        return tuple(events)

    @property
    def recorded_fragments(self) -> int:
        """The number of recorded fragments.

        Fragment ``p + recorded_fragments`` is fragment ``p`` without its last row, the event
        itself.
        """
        return len(self.fragment_start) // 2

    @cached_property
    def _lasts(self) -> dict[str, list[str]]:
        """For each event, the events that were recorded right before it."""
        known: dict[str, list[str]] = {}
        for last, now in self.choices:
            known.setdefault(now, []).append(last)
        return known

    def rows(self, fragment: int) -> slice:
        """Return the rows of a fragment."""
        start = int(self.fragment_start[fragment])
        return slice(start, start + int(self.fragment_length[fragment]))

    def rows_of(self, fragments: Iterable[int]) -> Ints:
        """Return the rows of some fragments, one behind the other, int64[n]."""
        rows = np.arange(len(self.uop))
        return np.concatenate([rows[self.rows(fragment)] for fragment in fragments])

    def lengths(self, fragments: Ints) -> Ints:
        """Return the number of micro-ops of each fragment, int64[m].

        A negative fragment is one hand-written micro-op.
        """
        return np.where(fragments < 0, 1, self.fragment_length[np.maximum(fragments, 0)])

    @property
    def events(self) -> tuple[str, ...]:
        """The events that a strategy may announce: the recorded ones and their relatives."""
        relatives = (event for event, other in _RELATIVES.items() if other in self._lasts)
        return tuple(dict.fromkeys([*self._lasts, *relatives]))

    def _known(self, event: str) -> str:
        """Return the event, or its relative where the program was recorded without it."""
        return event if event in self._lasts else _RELATIVES.get(event, event)

    def skipped(self, last: str, now: str) -> tuple[str, ...]:
        """Return the events that were left out between two which never followed each other.

        Empty where they did follow each other, and where there is no chain between them: see
        :func:`costmodel.code.bridge.bridge`.
        """
        last, now = self._known(last), self._known(now)
        if (last, now) in self.choices:
            return ()
        from costmodel.code.bridge import bridge  # for what-ifs alone

        return bridge(self.choices, last, now, self.order)

    def turns(self, last: str, now: str, context: Context) -> tuple[int, ...]:
        """Return the fragments from event ``last`` to ``now``, taken in turn; mostly it is one.

        A relative stands for an event that the program was not recorded with. For a pair of events
        that was never recorded, it is the shortest fragment that led to ``now`` from another event.
        Raises KeyError where the program does not know ``now``.
        """
        now = self._known(now)
        choice = self.choices.get((self._known(last), now))
        if choice is None:
            usual = [self.choices[before, now].usual for before in self._lasts[now]]
            return (min(usual, key=lambda fragment: int(self.fragment_length[fragment])),)
        key = tuple(context[i] for i in choice.decisive)
        fragments = choice.turns.get(key) or (choice.fragments.get(key, choice.usual),)
        return fragments if choice.decisive else self._of_relative(last, now, context, fragments)

    def _of_relative(
        self, last: str, now: str, context: Context, fragments: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return the fragments to ``now`` in a context in which only its relative was recorded.

        Of a scan that stops at once the beginning of its batch is recorded with it. One that stops
        later has no such beginning: it executes what a scan that goes on does there.
        """
        other = self.choices.get((last, _RELATIVES.get(now, "")))
        if other is None or len(fragments) > 1:
            return fragments
        here = other.fragments.get(tuple(context[i] for i in other.decisive))
        alike = [
            fragment
            for fragment in other.fragments.values()
            if self._execute_alike(fragment, fragments[0])
        ]
        return fragments if here is None or not alike or here in alike else (here,)

    def _execute_alike(self, one: int, other: int) -> bool:
        """Tell whether two fragments execute the same micro-ops up to their last."""
        return np.array_equal(self.uop[self.rows(one)][:-1], self.uop[self.rows(other)][:-1])


BUILD_MARK: Final = "@"
"""Mark before the build in the names of programs (``v6.7@gcc13.x86_64``) and of strategies."""

OF_MICRO_OPS: Final = ("site", "kind", "op", "target", "size_bytes", "function")
"""The columns of a library with an entry for each static micro-op."""
OF_ROWS: Final = ("taken", "role", "index", "offset", "near")
"""The columns with an entry for each row that hold no number of a micro-op or a group."""
_NAMES = ("kind", "op", "target", "function")
_NUMBERS = (
    "site", "size_bytes", "fragment_start", "fragment_length", "uop", "taken", "role", "index",
    "offset", "near", "far", "group_start", "group_member",
)  # fmt: skip
_IN_ARCHIVES = {"fragment_start": "path_start", "fragment_length": "path_length"}
"""What archives call a column that has another name here."""


def to_arrays(library: Library) -> dict[str, NDArray[Any]]:
    """Return a library as it was extracted as two arrays, for an archive.

    There are only two because each takes time to open. ``numbers`` holds all columns, one behind
    the other and each minus its lowest number; ``text`` is JSON that names the columns, with their
    lowest numbers and their shapes.
    """
    names = {column: sorted(set(getattr(library, column).tolist())) for column in _NAMES}
    columns = {_IN_ARCHIVES.get(name, name): getattr(library, name) for name in _NUMBERS}
    columns |= {
        column: np.searchsorted(names[column], getattr(library, column).astype(np.str_))
        for column in _NAMES
    }
    low = {column: int(values.min(initial=0)) for column, values in columns.items()}
    layout = {column: [low[column], *values.shape] for column, values in columns.items()}
    text = {
        "names": names,
        "columns": layout,
        "choices": _choices_as_lists(library),
        "layouts": library.layouts,
    }
    return {
        "numbers": np.concatenate([v.ravel() - low[column] for column, v in columns.items()]),
        "text": np.frombuffer(json.dumps(text, separators=(",", ":")).encode(), dtype=np.uint8),
    }


def _choices_as_lists(library: Library) -> list[Any]:
    return [
        [
            last,
            now,
            [Context._fields[i] for i in c.decisive],
            [[list(k), v] for k, v in sorted(c.fragments.items())],
            c.usual,
            *([[[list(k), list(v)] for k, v in sorted(c.turns.items())]] if c.turns else []),
        ]
        for (last, now), c in sorted(library.choices.items())
    ]


@cache
def program_names(operation: str) -> tuple[str, ...]:
    """Return the names of the booted programs that have steps for ``operation``, sorted."""
    return tuple(name for name in names_of(operation) if BUILD_MARK not in name)


@cache
def load_library(operation: str, name: str) -> Library:
    """Return the steps of the program ``name``, such as ``v6.7.x86_64`` or ``v6.7@gcc13.x86_64``.

    Raises FileNotFoundError where there are none for the operation, and ConfigError for a user's
    file that is damaged.
    """
    try:
        return from_arrays(operation, name, *_archived(operation, name))
    except Exception:  # readers of archives raise whatever their many layers raise
        if not name.startswith(FILE_MARK):
            raise
        raise ConfigError.of(name.rpartition(".")[0], "is damaged: record it again") from None


def from_arrays(operation: str, name: str, numbers: NDArray[Any], head: NDArray[Any]) -> Library:
    """Return the library of the two arrays that :func:`to_arrays` made."""
    text = json.loads(head.tobytes())
    columns = dict(_columns_of(numbers, text["columns"]))
    start, length = (columns.pop(archived) for archived in _IN_ARCHIVES.values())
    for column in _NAMES:
        columns[column] = np.array(text["names"][column], np.object_)[columns[column]]
    for column in ("near", "far"):  # the largest, and their numbers are small
        columns[column] = columns[column].astype(np.int32)
    return Library(
        name=name,
        fragment_start=np.concatenate([start, start]),
        fragment_length=np.concatenate([length, length - 1]),
        choices=dict(_choices_of(text["choices"])),
        layouts=tuple(text["layouts"]),
        order=operation_named(operation).events,
        **columns,
    )


def _archived(operation: str, name: str) -> Arrays:
    """Return the two arrays of a program's steps from its archive."""
    if name.startswith(FILE_MARK):
        return _of_file(Path(name.removeprefix(FILE_MARK).rpartition(".")[0]))
    programs = unpacked(operation, archive_of(name))
    if name not in programs:
        raise FileNotFoundError(f"{name}: no such program")
    return programs[name]


def archive_of(program: str) -> str:
    """Return the name of the file that a shipped program's steps are in."""
    return f"{program.rpartition('.')[2].partition('_')[0]}{ENDING}"


FILE_MARK: Final = "@"
"""Beginning of the name of a program whose steps are in a user's file: ``@PATH.ARCH``."""
FILE_MEMBERS: Final = ("steps/numbers", "steps/text")
"""The arrays of such a file that hold its steps."""


def _of_file(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file) as arrays:
        numbers, text = (arrays[name] for name in FILE_MEMBERS)
        return numbers, text


def layouts_of(operation: str, program: str) -> tuple[str, ...]:
    """Return the layouts on which a shipped program was recorded, see :class:`Library`."""
    return kept_on_disk(
        ("layouts", operation, program), lambda: load_library(operation, program).layouts
    )


def builds_of(operation: str, program: str) -> tuple[str, ...]:
    """Return the names of all other builds of one source and architecture, sorted."""
    return _builds(operation).get(program, ())


@cache
def _builds(operation: str) -> Mapping[str, tuple[str, ...]]:
    """Return the other builds of each program that has some."""
    found: dict[str, list[str]] = {}
    for name in names_of(operation):
        source, mark, place = name.partition(BUILD_MARK)
        build, _, architecture = place.rpartition(".")
        if mark:
            found.setdefault(f"{source}.{architecture}", []).append(build)
    return {program: tuple(sorted(builds)) for program, builds in found.items()}


def source_of(program: str) -> str:
    """Return a program's name without its build: ``v6.7@gcc13.x86_64`` to ``v6.7.x86_64``."""
    source, _, place = program.partition(BUILD_MARK)
    return f"{source}.{place.rpartition('.')[2]}" if place else program


def _columns_of(
    numbers: NDArray[Any], layout: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, NDArray[Any]]]:
    end = 0
    for column, (low, *shape) in layout.items():
        first, end = end, end + math.prod(shape)
        yield column, numbers[first:end].astype(np.int64).reshape(shape) + low


def _choices_of(lists: list[Any]) -> Iterator[tuple[tuple[str, str], RecordedChoice]]:
    for last, now, decisive, fragments, usual, *rest in lists:
        yield (
            (last, now),
            RecordedChoice(
                tuple(Context._fields.index(name) for name in decisive),
                {tuple(k): v for k, v in fragments},
                usual,
                {tuple(k): tuple(v) for k, v in (rest[0] if rest else ())},
            ),
        )
