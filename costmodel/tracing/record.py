"""Exhausts a strategy: which recorded paths it takes, and the micro-ops written by hand."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.steps.events import Step
from costmodel.steps.library import BLOCK_PTES, Library
from costmodel.uops import Uop, Value

MAX_MICRO_OPS: Final = 20_000_000
"""A table has 512 entries: a strategy that needs more than this for one never ends."""

CONTEXT = 6
"""Numbers kept per step: slot, last slot, page, last page, head, last head."""


class StrategyError(Exception):
    """A strategy did something that no strategy may do; the text says what."""


@dataclass
class Record:
    """What a strategy yielded: path numbers (``-1 - k`` for hand-written micro-op ``k``)."""

    paths: list[int] = field(default_factory=list)
    contexts: list[tuple[int, ...]] = field(default_factory=list)
    uops: list[Uop] = field(default_factory=list)
    rows: int = 0

    def context_array(self) -> NDArray[np.int64]:
        """Return the contexts as int64[m, 6]."""
        return np.array(self.contexts, dtype=np.int64).reshape(-1, CONTEXT)


_Key = tuple[str, str, str, int, int, int, int]


class Recorder:
    """Records strategies over one library; remembers the choice of paths."""

    def __init__(self, library: Library) -> None:
        """Start with the steps of ``library``."""
        self._library = library
        self._lengths = library.path_length.tolist()
        self._known: dict[_Key, int] = {}

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Exhaust ``steps``, which begin after event ``last``.

        Raises StrategyError for a yield that is no micro-op and for a strategy without end.
        """
        record = Record()
        before_last = last.event
        for item, answer in _answered(steps):
            if type(item) is Step:
                path = self._path(before_last, last, item)
                record.paths.append(path)
                record.contexts.append(
                    (item.slot, last.slot, item.page, last.page, item.head, last.head)
                )
                record.rows += self._lengths[path]
                before_last, last = last.event, item
            elif isinstance(item, Uop):
                record.paths.append(-1 - len(record.uops))
                record.contexts.append((0, 0, 0, 0, 0, 0))
                record.uops.append(item)
                record.rows += 1
            else:
                raise StrategyError(f"it must yield steps or micro-ops (got {item!r:.60})")
            answer.value = record.rows - 1
            if record.rows > MAX_MICRO_OPS:
                raise StrategyError(f"it does not end: {record.rows} micro-ops for one table")
        return record

    def _path(self, before_last: str, last: Step, now: Step) -> int:
        key = (
            before_last,
            last.event,
            now.event,
            now.traits,
            last.traits,
            now.slot % BLOCK_PTES,
            last.slot % BLOCK_PTES,
        )
        path = self._known.get(key)
        if path is None:
            try:
                path = self._library.path(before_last, last, now)
            except KeyError:
                raise StrategyError(
                    f"event {now.event!r} was never recorded for program {self._library.name!r}"
                ) from None
            self._known[key] = path
        return path


class _Answer:
    """Carries the number of the row that a yield became back into the generator."""

    value: int = 0


def _answered(steps: Iterable[Step | Uop]) -> Iterator[tuple[Any, _Answer]]:
    """Iterate over a generator and send each yield's row number back to it."""
    answer = _Answer()
    if not isinstance(steps, Generator):
        for item in steps:
            yield item, answer
        return
    try:
        item = next(steps)
        while True:
            yield item, answer
            item = steps.send(Value(answer.value))
    except StopIteration:
        return
