"""What an operation has to say for its recordings to be cut into steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmodel.code.events import Mark, Step
from costmodel.mm.build import Memory
from costmodel.mm.operation import TableOperation
from costmodel.recorder.archive import RecordedProgram, Recording

Seen = tuple[int, str, int | None]
"""The row of an event, its name, and the slot of its entry (None: it is about no single entry)."""
Loop = Callable[[Any], Iterator[Any]]
"""A loop of the model: the function of a strategy."""


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
    program ``donor`` stand for them. ``states``: names of the operation's states that the steps of
    a build tree stand for; empty for all.
    """

    events: Callable[[RecordedProgram, Recording, int], list[Seen]]
    choices: Callable[[Collection[str], bool], Iterable[Mapping[str, Any]]]
    loop_of: Callable[[Mapping[str, Any]], Loop]
    begun: Callable[[Memory, str, bool, Loop], TableOperation]
    on_pages: frozenset[str]
    between: str
    donor: str = "v6.12.117"
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedEvents:
    """How the events of an operation are found in recordings.

    ``find`` returns the events of a window in order. ``before_window`` returns the name of the
    event that came before a window, whose first event it is given. ``prepare`` removes from a
    window what was recorded but is not in the kernel that its variant stands for. ``takes_turns``:
    whether paths between which no known fact decides are taken in turn; otherwise the commonest one
    is always taken. ``donors``: for programs that were never recorded doing some steps, the program
    that they are taken from; these are the steps that begin or end with an event of ``donated``.
    ``loops``: by which archives of build trees are cut; None where none is.
    """

    find: Callable[[RecordedProgram, Recording], list[Mark]]
    before_window: Callable[[Recording, Step], str]
    prepare: Callable[[RecordedProgram, Recording], Recording] = as_recorded
    takes_turns: bool = False
    donors: Mapping[str, str] = field(default_factory=dict)
    donated: frozenset[str] = frozenset({"clear_src", "flush", "restore_src"})
    loops: KnownLoops | None = None
