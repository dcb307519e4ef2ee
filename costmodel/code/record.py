"""Exhausts a strategy: which recorded paths it takes, and the micro-ops written by hand."""

from __future__ import annotations

import gc
from array import array
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from inspect import GEN_CLOSED, getgeneratorstate
from itertools import chain, count, islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.events import Step, omitted
from costmodel.code.library import Library, load_library
from costmodel.code.selector import Choices
from costmodel.code.uops import Uop
from costmodel.config.errors import describe

Ints = NDArray[np.int64]

MAX_STEPS: Final = 500_000
"""A table has 512 entries: a strategy that takes a thousand steps for each never ends."""
MAX_MICRO_OPS: Final = 20_000_000
"""The same for micro-ops."""


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
    results: Ints
    """int64[yields]: the row that each yield became, the last if several. Hand-written micro-ops
    name the yields that they wait for."""

    def chosen(self, steps: NDArray[np.bool_] | slice) -> Record:
        """Return some of the steps; hand-written micro-ops keep their numbers."""
        return replace(
            self,
            paths=self.paths[steps],
            contexts=self.contexts[steps],
            masks=self.masks[steps],
        )


class Recorder:
    """Records strategies over one library; remembers the choice of paths."""

    def __init__(self, library: Library) -> None:
        """Start with the steps of ``library``."""
        self._library = library
        self._choices = Choices(library)

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Exhaust ``steps``, which begin after event ``last``.

        Each ``yield`` answers with its number, which names its result. Raises StrategyError for
        what is no micro-op and for a strategy without end.
        """
        with _uncollected():
            found, by_hand, uops = self._exhausted(steps, last)
        events, columns = _columns(found)
        way = self._choices.way(found, events, columns, by_hand)
        *places, traits = columns
        before = np.append(0, way.events[:-1])[: len(way.events)]
        contexts = np.stack([of[which] for of in places for which in (way.events, before)], axis=1)
        without = omitted(traits)
        without[by_hand] = 0
        masks = np.zeros(len(way.paths), np.int64)
        masks[way.ends[1:] - 1] = without[1:]
        lengths = self._library.lengths(way.paths)
        rows = np.append(0, np.cumsum(lengths))
        if rows[-1] > MAX_MICRO_OPS:
            raise _endless(len(found) - 1)
        record = Record(way.paths, contexts, masks, uops, rows[way.ends[1:]] - 1)
        return record if lengths.all() else record.chosen(lengths > 0)

    def _exhausted(
        self, steps: Iterable[Step | Uop], last: Step
    ) -> tuple[list[Step], list[int], tuple[Uop, ...]]:
        """Return every step from ``last`` on; for a micro-op the step before it, and its number."""
        stream, known = _generator(steps), self._choices.events
        found, by_hand, uops = [last], [], []
        add, send = found.append, stream.send
        answer: int | None = None  # what a generator that begins must be sent
        with suppress(StopIteration):
            for number in range(MAX_STEPS + 1):
                item: Any = send(answer)
                if type(item) is Step:
                    if item[0] not in known:
                        name = self._library.name
                        reason = f"yields an event that program {name} was never recorded with"
                        raise StrategyError(reason, got=repr(item[0]), places=_places(stream))
                elif isinstance(item, Uop):
                    _check(item, number, stream)
                    by_hand.append(number + 1)
                    uops.append(item)
                    item = last
                else:
                    reason = "must yield steps or micro-ops"
                    raise StrategyError(reason, got=describe(item), places=_places(stream))
                add(item)
                last, answer = item, number
            raise _endless(MAX_STEPS + 1, stream)
        return found, by_hand, tuple(uops)


def _check(uop: Uop, number: int, stream: _Stream) -> None:
    for value in (*uop.address_inputs, *uop.data_inputs):
        if type(value) is not int or not 0 <= value < number:
            reason = "waits for what no yield before has answered"
            raise StrategyError(reason, got=describe(value), places=_places(stream))


def _columns(steps: list[Step]) -> tuple[tuple[str, ...], list[Ints]]:
    """Return the events of steps, and slots, pages, heads and traits: each int64[n]."""
    events, *columns = zip(*steps, strict=True)
    try:
        return events, [np.frombuffer(array("q", column), np.int64) for column in columns]
    except (TypeError, OverflowError):
        wrong = next(step for step in steps if any(type(value) is not int for value in step[1:]))
        reason = "yields a step whose places are not whole numbers"
        raise StrategyError(reason, got=repr(wrong)) from None


@cache
def recorder_of(operation: str, program: str) -> Recorder:
    """Return the recorder of a program, one per process."""
    return Recorder(load_library(operation, program))


def run_through(steps: Iterable[Step | Uop]) -> None:
    """Exhaust a strategy for what it does to the page tables alone."""
    stream = _generator(steps)
    with _uncollected():
        deque(islice(map(stream.send, chain([None], count())), MAX_STEPS + 1), maxlen=0)
    if getgeneratorstate(stream) != GEN_CLOSED:
        raise _endless(MAX_STEPS + 1, stream)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without garbage collections: thousands of steps are made at once, and all are needed."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


_Stream = Generator[Any, Any, Any]


def _generator(items: Iterable[Any]) -> _Stream:
    """Return what can be sent answers."""
    return items if isinstance(items, Generator) else _yielded(items)


def _yielded(items: Iterable[Any]) -> _Stream:
    for item in items:  # noqa: UP028 - what is no generator cannot be sent answers
        yield item


def _endless(steps: int, stream: _Stream | None = None) -> StrategyError:
    reason = f"does not end: {steps} steps for one page table"
    return StrategyError(reason, places=_places(stream))


def _places(stream: _Stream | None) -> Iterator[tuple[str, int]]:
    """Yield file and line at which a generator and those that it waits for stand."""
    inner: Any = stream
    while inner is not None:
        frame = getattr(inner, "gi_frame", None)
        if frame is None:
            return
        yield frame.f_code.co_filename, frame.f_lineno
        inner = inner.gi_yieldfrom
