"""Collects what a strategy yields as plain data, which can be sent from another process."""

from __future__ import annotations

import gc
from array import array
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from inspect import GEN_CLOSED, getgeneratorstate
from itertools import chain, count, islice
from typing import Any, Final

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.by_hand import checked
from costmodel.code.events import Step
from costmodel.code.uops import Uop
from costmodel.config.errors import describe
from costmodel.user_code.blame import Place, StrategyError

MAX_STEPS: Final = 500_000
"""The most yields for one page table. It has 512 entries, and a strategy that takes a thousand
steps for each is taken to have no end."""
_MAX_PLACE: Final = 1 << 37
"""Limit for numbers of struct pages, beyond any real memory."""
_MAX_TRAITS: Final = 1 << 40


@dataclass(frozen=True)
class Vocabulary:
    """The events that a strategy over one recorded program may yield, and its instruction set."""

    program: str
    isa: str
    events: frozenset[str]


@dataclass(frozen=True)
class Yields:
    """Everything that a strategy yielded; entry 0 is the event before it.

    ``events`` are the names, and ``columns`` the slots, pages, heads and traits, int64[n] each.
    Where a micro-op was yielded, they are those of the last event; ``by_hand`` holds the numbers of
    these entries and ``uops`` the micro-ops.
    """

    events: tuple[str, ...]
    columns: tuple[Ints, ...]
    by_hand: tuple[int, ...]
    uops: tuple[Uop, ...]

    def __len__(self) -> int:
        """Return the number of entries, including the event before."""
        return len(self.events)

    def step(self, number: int) -> Step:
        """Return the event of an entry."""
        return Step(self.events[number], *(int(column[number]) for column in self.columns))


def exhausted(steps: Iterable[Step | Uop], last: Step, vocabulary: Vocabulary) -> Yields:
    """Run a strategy to its end and return what it yielded; it begins after event ``last``.

    Each ``yield`` answers with its number, which names its result. Raises StrategyError for
    anything that is neither an event of the program nor a micro-op, and for a strategy without end.
    """
    stream = generator(steps)
    with _uncollected():
        found, by_hand, uops = _exhausted(stream, last, vocabulary)
    return Yields(*_columns(found), tuple(by_hand), tuple(uops))


def _exhausted(
    stream: _Stream, last: Step, vocabulary: Vocabulary
) -> tuple[list[Step], list[int], list[Uop]]:
    """Return all events from ``last`` on, and the numbers of micro-ops with these.

    A micro-op has the event before it in the list.
    """
    known, send = vocabulary.events, stream.send
    found, by_hand, uops = [last], [], []
    add = found.append
    answer: int | None = None  # what a generator that begins must be sent
    with suppress(StopIteration):
        for number in range(MAX_STEPS + 1):
            item: Any = send(answer)
            if type(item) is Step:
                if type(item[0]) is not str or item[0] not in known:
                    reason = f"yields an event that program {vocabulary.program} never recorded"
                    raise StrategyError(reason, got=repr(item[0]), places=_places(stream))
            else:
                uops.append(by_hand_of(item, number, vocabulary.isa, stream))
                by_hand.append(number + 1)
                item = last
            add(item)
            last, answer = item, number
        raise endless(MAX_STEPS + 1, stream)
    return found, by_hand, uops


def by_hand_of(item: Any, number: int, isa: str, stream: _Stream) -> Uop:
    """Return what is no event as micro-op ``number`` of a strategy; else raise StrategyError."""
    if not isinstance(item, Uop):
        reason = "must yield steps or micro-ops"
        raise StrategyError(reason, got=describe(item), places=_places(stream))
    try:
        return checked(item, number, isa)
    except StrategyError as error:
        raise error.at(_places(stream)) from None


def run_through(steps: Iterable[Step | Uop]) -> None:
    """Run a strategy to its end only for what it does to the page tables."""
    stream = generator(steps)
    with _uncollected():
        deque(islice(map(stream.send, chain([None], count())), MAX_STEPS + 1), maxlen=0)
    if getgeneratorstate(stream) != GEN_CLOSED:
        raise endless(MAX_STEPS + 1, stream)


def endless(
    steps: int, stream: _Stream | None = None, *, per: str = " for one page table"
) -> StrategyError:
    """Return the error of a strategy that takes ``steps`` steps and more."""
    return StrategyError(f"does not end: {steps} steps{per}", places=_places(stream))


_Stream = Generator[Any, Any, Any]


def generator(items: Any) -> _Stream:
    """Return an iterator as a generator, to which answers can be sent.

    Raises StrategyError for what cannot be iterated over.
    """
    if isinstance(items, Generator):
        return items
    if hasattr(items, "__await__") or hasattr(items, "__anext__"):
        raise StrategyError("must be a plain generator function: 'async' has no meaning here")
    try:
        return _yielded(iter(items))
    except TypeError:
        reason = "must return what it executes, as a generator function does"
        raise StrategyError(reason, got=describe(items)) from None


def _yielded(items: Iterator[Any]) -> _Stream:
    for item in items:  # noqa: UP028 - what is no generator cannot be sent answers
        yield item


def _columns(steps: list[Step]) -> tuple[tuple[str, ...], tuple[Ints, ...]]:
    """Return the names of events, and their slots, pages, heads and traits, int64[n] each."""
    events, *columns = zip(*steps, strict=True)
    try:
        found = tuple(np.frombuffer(array("q", column), np.int64) for column in columns)
    except (TypeError, OverflowError):
        wrong = next(step for step in steps if any(type(value) is not int for value in step[1:]))
        reason = "yields a step whose places are not whole numbers"
        raise StrategyError(reason, got=repr(wrong)) from None
    *places, traits = found
    outside = np.any([np.abs(column) > _MAX_PLACE for column in places], axis=0)
    outside |= np.abs(traits) > _MAX_TRAITS
    if outside.any():
        reason = "yields a step on an entry or page that there cannot be"
        raise StrategyError(reason, got=repr(steps[int(np.argmax(outside))]))
    return events, found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Switch garbage collection off in the block, in which thousands of objects are made."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


ASKED_AT: Final = "asked_at"
"""Name of the local variable in a generator that holds the user's line which asked for it."""


def _places(stream: _Stream | None) -> Iterator[Place]:
    """Yield the current file and line of a generator, and of those that it waits for."""
    inner: Any = stream
    while inner is not None:
        frame = getattr(inner, "gi_frame", None)
        if frame is None:
            return
        if ASKED_AT in frame.f_code.co_varnames:
            yield frame.f_locals[ASKED_AT]
        yield frame.f_code.co_filename, frame.f_lineno
        inner = inner.gi_yieldfrom
