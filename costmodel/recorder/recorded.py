"""What an operation has to say for its recordings to be cut into steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from costmodel.code.events import Mark, Step
from costmodel.code.removal import renumbered
from costmodel.code.trace import TableRun, Trace
from costmodel.config.errors import ConfigError
from costmodel.mm.build import Memory
from costmodel.mm.operation import TableOperation
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.mm.state import PteState
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.build_archive import BuildArchive

Seen = tuple[int, str, int | None]
"""The row of an event, its name, and the slot of its entry (None: it is about no single entry)."""
Loop = Callable[[Any], Iterator[Any]]
"""A loop of the model: the function of a strategy."""
Opens = Callable[[str, TableShape], Trace]
"""Returns the trace of a recorded window, by its name, with the folios of a table's shape."""
Behind = Callable[[BuildArchive, Opens, ShapedSpace, Sequence[TableRun], bool], Iterable[TableRun]]


def as_recorded(_: RecordedProgram, window: Recording) -> Recording:
    """Return a window as it is."""
    return window


@dataclass(frozen=True)
class KnownLoops:
    """The loops of an operation that a build tree is compared with, to cut what it executes.

    ``events`` returns the events of a window whose layout is not known; its last argument is the
    number of the line in ``other`` that begins with the flags of the running task. ``choices``
    yields the arguments of loops that may be the kernel's, given the names of the events that were
    seen and whether contiguous blocks are used; ``loop_of`` returns the loop that arguments mean.
    ``begun`` returns the operation about to happen to a process, which alone maps its pages, in a
    state of the recordings and with contiguous blocks or not; the loop may have been there before.
    ``on_pages``: events on one struct page, whose number must be the same in kernel and loop.
    ``between``: the event between two tables, whose steps no single table holds; those of the
    program ``fallback`` are taken instead. ``holds`` tells whether the steps of a build tree are
    what a kernel executes in a state of the operation. ``released``: the events of a release of
    pages.
    """

    events: Callable[[RecordedProgram, Recording, int], list[Seen]]
    choices: Callable[[Collection[str], bool], Iterable[Mapping[str, Any]]]
    loop_of: Callable[[Mapping[str, Any]], Loop]
    begun: Callable[[Memory, str, bool, Loop], TableOperation]
    holds: Callable[[PteState], bool]
    on_pages: frozenset[str]
    between: str
    fallback: str = "v6.12.117"
    released: frozenset[str] = frozenset()


@dataclass(frozen=True)
class WholeTables:
    """What prices an archive beside its recorded tables, where steps do not hold it.

    ``states``: by name of a state, what recordings call it where that is another name. ``before``
    returns what is executed before the entries of a table of a shape, given the architecture of the
    build; its last micro-op stands for the first one of the table. ``behind`` returns what follows
    the tables of an address space, such as the release of their pages, given an archive whose
    ``slots`` are not empty, a function that opens one of its windows, the address space, what is
    executed on its tables, and whether order-0 frames are aligned as their entries are.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[str, TableShape], Trace] | None = None
    behind: Behind | None = None

    def state(self, shape: TableShape) -> str:
        """Return what recordings call the state of a table."""
        return self.states.get(shape.state.name, shape.state.name)


@dataclass(frozen=True)
class RecordedEvents:
    """How the events of an operation are found in recordings.

    ``find`` returns the events of a window in order. ``before_window`` returns the name of the
    event that came before a window, whose first event it is given. ``prepare`` removes from a
    window what was recorded but is not in the kernel that its variant stands for. ``takes_turns``:
    whether fragments between which no known fact decides are taken in turn; otherwise the commonest
    one is always taken. ``fallbacks``: for programs that were never recorded doing some steps, the
    program that these are taken from; they begin or end with an event of ``missing``. ``loops``: by
    which archives of build trees are cut; None where none is. ``whole``: what prices their whole
    tables.
    """

    find: Callable[[RecordedProgram, Recording], list[Mark]]
    before_window: Callable[[Recording, Step], str]
    prepare: Callable[[RecordedProgram, Recording], Recording] = as_recorded
    takes_turns: bool = False
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset({"clear_src", "flush", "restore_src"})
    loops: KnownLoops | None = None
    whole: WholeTables = WholeTables()


class WindowRows:
    """Lists with one element per executed micro-op, one list per column of the recording."""

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        """Spread the static columns of ``program`` over the rows of ``window``."""
        self.kind: list[str] = program.kind[window.uop].tolist()
        self.op: list[str] = program.op[window.uop].tolist()
        self.target: list[str] = program.target[window.uop].tolist()
        self.function: list[str] = program.function[window.uop].tolist()
        self.size: list[int] = program.size_bytes[window.uop].tolist()
        self.index: list[int] = window.index.tolist()
        self.offset: list[int] = window.offset.tolist()

    def __len__(self) -> int:
        """Return the number of micro-ops."""
        return len(self.kind)


def without_rows(program: RecordedProgram, window: Recording, rows: Iterable[int]) -> Recording:
    """Return a window without the micro-ops in ``rows``, and without the arithmetic whose results
    only these used.
    """
    distance = window.distance
    count = len(window)
    producers = np.where(distance > 0, np.arange(count)[:, None] - distance, -1)
    uses = np.bincount(producers[producers >= 0], minlength=count)
    gone = np.zeros(count, dtype=np.bool_)
    work = list(rows)
    kind = program.kind[window.uop]
    while work:
        row = work.pop()
        gone[row] = True
        for producer in producers[row][producers[row] >= 0].tolist():
            uses[producer] -= 1
            if not uses[producer] and kind[producer] in ("alu", "mul") and not gone[producer]:
                work.append(producer)
    kept = np.flatnonzero(~gone)
    left = renumbered(producers, gone)
    back = np.where(left >= 0, np.arange(len(kept))[:, None] - left, 0)
    return replace(
        window,
        uop=window.uop[kept],
        distance=back,
        index=window.index[kept],
        offset=window.offset[kept],
        taken=window.taken[kept],
    )


def refuse_holes(build: str, held: str, empty: int) -> None:
    """Raise ConfigError where so many entries are empty: those that a build holds were all full."""
    if empty:
        reason = f"holds {held} of pages, none of them empty: holes must be 0"
        raise ConfigError.of(f"@{build}", reason, got=f"{empty} empty entries")
