"""Which recorded paths a strategy takes, and the micro-ops written by hand between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.events import Step, omitted
from costmodel.code.library import Library, load_library
from costmodel.code.selector import Choices
from costmodel.code.uops import Uop
from costmodel.code.yields import Vocabulary, Yields, endless, exhausted
from costmodel.user_code.blame import StrategyError

Ints = NDArray[np.int64]

MAX_MICRO_OPS: Final = 20_000_000
"""Micro-ops of one page table: a strategy that takes more never ends."""
NOTHING: Final = "executes nothing at all: there is nothing to price"


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

    @property
    def vocabulary(self) -> Vocabulary:
        """What strategies over the library may say."""
        return Vocabulary(self._library.name, self._library.isa, frozenset(self._choices.events))

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Exhaust ``steps``, which begin after event ``last``, and record them.

        Raises StrategyError, see :func:`costmodel.code.yields.exhausted`.
        """
        return self.recorded(exhausted(steps, last, self.vocabulary))

    def recorded(self, yields: Yields) -> Record:
        """Record what a strategy yielded. Raises StrategyError for more than a table can need."""
        if len(yields) == 1:
            raise StrategyError(NOTHING)
        by_hand = list(yields.by_hand)
        way = self._choices.way(yields)
        *places, traits = yields.columns
        before = np.append(0, way.events[:-1])[: len(way.events)]
        contexts = np.stack([of[which] for of in places for which in (way.events, before)], axis=1)
        without = omitted(traits)
        without[by_hand] = 0
        masks = np.zeros(len(way.paths), np.int64)
        masks[way.ends[1:] - 1] = without[1:]
        lengths = self._library.lengths(way.paths)
        rows = np.append(0, np.cumsum(lengths))
        if rows[-1] > MAX_MICRO_OPS:
            raise endless(len(yields) - 1)
        record = Record(way.paths, contexts, masks, yields.uops, rows[way.ends[1:]] - 1)
        return record if lengths.all() else record.chosen(lengths > 0)


@cache
def recorder_of(operation: str, program: str) -> Recorder:
    """Return the recorder of a program, one per process."""
    return Recorder(load_library(operation, program))
