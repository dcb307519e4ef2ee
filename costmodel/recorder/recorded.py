"""What an operation has to say for its recordings to be cut into steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from costmodel.code.events import Mark, Step
from costmodel.code.removal import renumbered
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
