"""What an operation has to say for its recordings to be cut into steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from costmodel.code.events import Mark, Step
from costmodel.recorder.archive import RecordedProgram, Recording


def as_recorded(_: RecordedProgram, window: Recording) -> Recording:
    """Return a window as it is."""
    return window


@dataclass(frozen=True)
class RecordedEvents:
    """How the events of an operation are found in recordings.

    ``find`` returns the events of a window in order. ``before_window`` returns the name of the
    event that came before a window, whose first event it is given. ``prepare`` removes from a
    window what was recorded but is not in the kernel that its variant stands for. ``takes_turns``:
    whether paths between which no known fact decides are taken in turn; otherwise the commonest one
    is always taken. ``donors``: for programs that were never recorded doing some steps, the program
    that they are taken from; these are the steps that begin or end with an event of ``donated``.
    """

    find: Callable[[RecordedProgram, Recording], list[Mark]]
    before_window: Callable[[Recording, Step], str]
    prepare: Callable[[RecordedProgram, Recording], Recording] = as_recorded
    takes_turns: bool = False
    donors: Mapping[str, str] = field(default_factory=dict)
    donated: frozenset[str] = frozenset({"clear_src", "flush", "restore_src"})
