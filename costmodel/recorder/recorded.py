"""What must be known of an operation to cut its recordings into steps."""

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
    """How the events of an operation are found.

    ``find`` returns the events of a window in order; ``before_window`` the event before a window,
    of whose first event it is given. ``prepare`` takes out of a window what the kernel that its
    variant stands for did not have. ``takes_turns``: paths between which nothing known decides are
    taken in turn, else the commonest one is. ``donors``: program to the one that fills in steps
    that it was never recorded doing: those that begin or end with an event of ``donated``.
    """

    find: Callable[[RecordedProgram, Recording], list[Mark]]
    before_window: Callable[[Recording, Step], str]
    prepare: Callable[[RecordedProgram, Recording], Recording] = as_recorded
    takes_turns: bool = False
    donors: Mapping[str, str] = field(default_factory=dict)
    donated: frozenset[str] = frozenset({"clear_src", "flush", "restore_src"})
