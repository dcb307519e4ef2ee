"""Exhausts a strategy: which recorded paths it takes, and the micro-ops written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.config.errors import describe
from costmodel.kernel.pte import TABLE_PTES
from costmodel.steps.events import Step, omitted
from costmodel.steps.library import Library, load_library
from costmodel.steps.situation import BLOCK_PTES
from costmodel.tracing.choices import PLACES, Choices, Key, Move
from costmodel.uops import Uop, Value

MAX_STEPS: Final = 500_000
"""A table has 512 entries: a strategy that takes a thousand steps for each never ends."""
MAX_MICRO_OPS: Final = 20_000_000
"""The same for micro-ops."""

RESTART: Final = "batch"
"""Event from which paths that are taken in turn start over, so that equal batches look equal."""

CONTEXT: Final = 6
"""Numbers kept per step: slot, last slot, page, last page, head, last head."""
_MOST_TRAITS: Final = (1 << 16) - 1
_NOWHERE: Final = (0,) * CONTEXT


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


@dataclass
class Record:
    """What a strategy yielded: path numbers (``-1 - k`` for hand-written micro-op ``k``).

    ``omitted``: steps of which micro-ops of some kinds are left out, with the mask of the kinds.
    """

    paths: list[int] = field(default_factory=list)
    contexts: list[tuple[int, ...]] = field(default_factory=list)
    uops: list[Uop] = field(default_factory=list)
    rows: int = 0
    omitted: dict[int, int] = field(default_factory=dict)

    def context_array(self) -> NDArray[np.int64]:
        """Return the contexts as int64[m, 6]."""
        count = CONTEXT * len(self.contexts)
        flat = np.fromiter(chain.from_iterable(self.contexts), dtype=np.int64, count=count)
        return flat.reshape(-1, CONTEXT)


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
        record, moves, lengths = Record(), self._choices.moves, self._lengths
        paths, contexts = record.paths, record.contexts
        taken: Counter[tuple[int, ...]] = Counter()
        state, first = self._choices.start(last), last.slot
        stream = steps if isinstance(steps, Generator) else _generator(steps)
        for item, answer in _answered(stream):
            if type(item) is Step:
                event, slot, page, head, traits = item
                if event == RESTART:
                    taken.clear()
                place = PLACES[slot % TABLE_PTES]
                key = state, event, traits, place, slot - first >= BLOCK_PTES - 1
                move = moves.get(key)
                if move is None:
                    move = self._learn(key, last, item, first, stream)
                if move.path >= 0:
                    paths.append(move.path)
                    contexts.append((slot, last.slot, page, last.page, head, last.head))
                    record.rows += lengths[move.path]
                else:
                    first = self._hop(record, move, last, item, first, taken)
                if traits > _MOST_TRAITS:
                    record.omitted[len(paths) - 1] = omitted(traits)
                state, last = move.state, item
                if event == "get":
                    first = slot
            else:
                _add_by_hand(record, item, stream)
            answer.value = record.rows - 1
            if len(paths) > MAX_STEPS or record.rows > MAX_MICRO_OPS:
                reason = f"does not end: {len(paths)} steps for one page table"
                raise StrategyError(reason, places=_places(stream))
        return record

    def _learn(self, key: Key, last: Step, now: Step, first: int, stream: _Stream) -> Move:
        try:
            return self._choices.learn(key, last, now, first)
        except KeyError:
            reason = f"yields an event that program {self._library.name} was never recorded with"
            raise StrategyError(reason, got=repr(now.event), places=_places(stream)) from None

    def _hop(
        self,
        record: Record,
        move: Move,
        last: Step,
        now: Step,
        first: int,
        taken: Counter[tuple[int, ...]],
    ) -> int:
        """Append several steps, or one of the paths in turn; return the batch's first slot."""
        before = last
        for event, at_now, paths in move.hops:
            path = paths[taken[paths] % len(paths)]
            taken[paths] += len(paths) > 1
            step = (now if at_now else last)._replace(event=event)
            if self._lengths[path]:
                record.paths.append(path)
                record.contexts.append(
                    (step.slot, before.slot, step.page, before.page, step.head, before.head)
                )
                record.rows += self._lengths[path]
            if event == "get":
                first = step.slot
            before = step
        return first


@cache
def recorder_of(operation: str, program: str) -> Recorder:
    """Return the recorder of a program, one per process."""
    return Recorder(load_library(operation, program))


def run_through(steps: Iterable[Step | Uop]) -> None:
    """Exhaust a strategy for what it does to the page tables alone."""
    stream = steps if isinstance(steps, Generator) else _generator(steps)
    for number, (_, answer) in enumerate(_answered(stream)):
        answer.value = number
        if number > MAX_STEPS:
            reason = f"does not end: {number} steps for one page table"
            raise StrategyError(reason, places=_places(stream))


def _add_by_hand(record: Record, item: Any, stream: _Stream) -> None:
    if not isinstance(item, Uop):
        reason = "must yield steps or micro-ops"
        raise StrategyError(reason, got=describe(item), places=_places(stream))
    record.paths.append(-1 - len(record.uops))
    record.contexts.append(_NOWHERE)
    record.uops.append(item)
    record.rows += 1


class _Answer:
    """Carries the number of the row that a yield became back into the generator."""

    value: int = 0


_Stream = Generator[Any, Any, Any]


def _answered(stream: _Stream) -> Iterator[tuple[Any, _Answer]]:
    """Iterate over a generator and send each yield's row number back to it."""
    answer = _Answer()
    try:
        item = next(stream)
        while True:
            yield item, answer
            item = stream.send(Value(answer.value))
    except StopIteration:
        return


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
