"""Exhausts a strategy: which recorded paths it takes, and the micro-ops written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.config.errors import describe
from costmodel.kernel.pte import TABLE_PTES
from costmodel.steps.events import Step, omitted
from costmodel.steps.library import Library, load_library
from costmodel.steps.situation import BLOCK_PTES
from costmodel.tracing.choices import PLACES, Choices, Key, Move
from costmodel.uops import Uop

Ints = NDArray[np.int64]

MAX_STEPS: Final = 500_000
"""A table has 512 entries: a strategy that takes a thousand steps for each never ends."""
MAX_MICRO_OPS: Final = 20_000_000
"""The same for micro-ops."""

RESTART: Final = "batch"
"""Event from which paths that are taken in turn start over, so that equal batches look equal."""

_MOST_TRAITS: Final = (1 << 16) - 1


class StrategyError(Exception):
    """A strategy did something that no strategy may do; the text says what.

    ``got`` is the offending value, ready to print; ``places`` are the files and lines at which the
    strategy and the generators in it stood, outermost first.
    """

    def __init__(self, reason: str, *, got: str = "", places: Iterable[tuple[str, int]] = ()):
        """Keep what to report."""
        super().__init__(f"{reason} (got {got})" if got else reason)
        self.reason = reason
        self.got = got
        self.places = tuple(places)


@dataclass(frozen=True)
class Record:
    """What a strategy yielded, as arrays with one entry per step."""

    paths: Ints
    """Path of the library, or ``-1 - k`` for hand-written micro-op ``k``."""
    contexts: Ints
    """int64[m, 6]: slot, last slot, page, last page, head, last head."""
    masks: Ints
    """Bit masks of the kinds of micro-ops that are left out."""
    uops: tuple[Uop, ...]
    row: int = 0
    """Number of its first row: hand-written micro-ops name those that they wait for."""

    def chosen(self, steps: NDArray[np.bool_] | slice) -> Record:
        """Return some of the steps; hand-written micro-ops keep their numbers."""
        return replace(
            self,
            paths=self.paths[steps],
            contexts=self.contexts[steps],
            masks=self.masks[steps],
        )

    def lengths(self, library: Library) -> Ints:
        """Return the micro-ops of each step, int64[m]."""
        return np.where(self.paths < 0, 1, library.path_length[np.maximum(self.paths, 0)])


class _Notes:
    """What becomes a record: lists of numbers, which the garbage collector has no work with."""

    def __init__(self, last: Step) -> None:
        self.paths: list[int] = []
        self.places = [last.slot, last.page, last.head]
        self.masks: dict[int, int] = {}
        self.uops: list[Uop] = []

    def record(self, lengths: Ints) -> Record:
        """Return the record, without steps of which nothing is executed."""
        paths, places = np.array(self.paths, np.int64), np.array(self.places, np.int64)
        places = places.reshape(-1, 3)
        masks = np.zeros(len(paths), np.int64)
        masks[list(self.masks)] = list(self.masks.values())
        contexts = np.stack([places[1:], places[:-1]], axis=2).reshape(-1, 6)
        record = Record(paths, contexts, masks, tuple(self.uops))
        executed = (paths < 0) | (lengths[np.maximum(paths, 0)] > 0)
        return record if executed.all() else record.chosen(executed)


class Recorder:
    """Records strategies over one library; remembers the choice of paths."""

    def __init__(self, library: Library) -> None:
        """Start with the steps of ``library``."""
        self._library = library
        self._lengths = library.path_length.tolist()
        self._choices = Choices(library)

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Exhaust ``steps``, which begin after event ``last``.

        Each ``yield`` answers with the number of the row that it became. Raises StrategyError for
        a yield that is no micro-op and for a strategy without end.
        """
        moves, lengths, notes = self._choices.moves, self._lengths, _Notes(last)
        add_path, add_places = notes.paths.append, notes.places.extend
        taken: Counter[tuple[int, ...]] = Counter()
        state, first = self._choices.start(last), last.slot
        stream = steps if isinstance(steps, Generator) else _generator(steps)
        rows = 0
        answer: int | None = None  # what a generator that begins must be sent
        with suppress(StopIteration):
            for _ in range(MAX_STEPS + 1):
                item = stream.send(answer)
                if type(item) is Step:
                    event, slot, _, _, traits = item
                    if event == RESTART:
                        taken.clear()
                    place = PLACES[slot % TABLE_PTES]
                    key = state, event, traits, place, slot - first >= BLOCK_PTES - 1
                    move = moves.get(key)
                    if move is None:
                        move = self._learn(key, last, item, first, stream)
                    if move.path >= 0:
                        add_path(move.path)
                        add_places(item[1:4])
                        rows += lengths[move.path]
                    else:
                        rows, first = self._hop(notes, move, last, item, (rows, first), taken)
                    if traits > _MOST_TRAITS:
                        notes.masks[len(notes.paths) - 1] = omitted(traits)
                    state, last = move.state, item
                    if event == "get":
                        first = slot
                else:
                    _add_by_hand(notes, item, stream)
                    rows += 1
                answer = rows - 1
                if rows > MAX_MICRO_OPS:
                    break
            raise _endless(len(notes.paths), stream)
        return notes.record(self._library.path_length)

    def _learn(self, key: Key, last: Step, now: Step, first: int, stream: _Stream) -> Move:
        try:
            return self._choices.learn(key, last, now, first)
        except KeyError:
            reason = f"yields an event that program {self._library.name} was never recorded with"
            raise StrategyError(reason, got=repr(now.event), places=_places(stream)) from None

    def _hop(
        self,
        notes: _Notes,
        move: Move,
        last: Step,
        now: Step,
        counts: tuple[int, int],
        taken: Counter[tuple[int, ...]],
    ) -> tuple[int, int]:
        """Append several steps, or one of the paths in turn; return rows and the batch's first."""
        rows, first = counts
        for event, at_now, paths in move.hops:
            path = paths[taken[paths] % len(paths)]
            taken[paths] += len(paths) > 1
            step = now if at_now else last
            notes.paths.append(path)
            notes.places.extend(step[1:4])
            rows += self._lengths[path]
            if event == "get":
                first = step.slot
        return rows, first


@cache
def recorder_of(operation: str, program: str) -> Recorder:
    """Return the recorder of a program, one per process."""
    return Recorder(load_library(operation, program))


def run_through(steps: Iterable[Step | Uop]) -> None:
    """Exhaust a strategy for what it does to the page tables alone."""
    stream = steps if isinstance(steps, Generator) else _generator(steps)
    answer: int | None = None
    with suppress(StopIteration):
        for number in range(MAX_STEPS + 1):
            stream.send(answer)
            answer = number
        raise _endless(MAX_STEPS + 1, stream)


def _endless(steps: int, stream: _Stream) -> StrategyError:
    reason = f"does not end: {steps} steps for one page table"
    return StrategyError(reason, places=_places(stream))


def _add_by_hand(notes: _Notes, item: Any, stream: _Stream) -> None:
    if not isinstance(item, Uop):
        reason = "must yield steps or micro-ops"
        raise StrategyError(reason, got=describe(item), places=_places(stream))
    notes.paths.append(-1 - len(notes.uops))
    notes.places.extend(notes.places[-3:])  # the next step still comes from there
    notes.uops.append(item)


_Stream = Generator[Any, Any, Any]


def _generator(items: Iterable[Any]) -> _Stream:
    for item in items:  # noqa: UP028 - what is no generator cannot be sent answers
        yield item


def _places(stream: _Stream) -> Iterator[tuple[str, int]]:
    """Yield file and line at which a generator and those that it waits for stand."""
    inner: Any = stream
    while inner is not None:
        frame = getattr(inner, "gi_frame", None)
        if frame is None:
            return
        yield frame.f_code.co_filename, frame.f_lineno
        inner = inner.gi_yieldfrom
