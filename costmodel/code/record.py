"""Records a strategy: the recorded paths that it takes, and its hand-written micro-ops."""

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
"""The most micro-ops of one page table; a strategy that needs more is taken to have no end."""
NOTHING: Final = "executes nothing at all: there is nothing to price"


@dataclass(frozen=True)
class Record:
    """What a strategy yielded, as arrays with one entry per step."""

    paths: Ints
    """The path of the library, or ``-1 - k`` for hand-written micro-op ``k``, int64[m]."""
    contexts: Ints
    """Slot, last slot, page, last page, head and last head, int64[m, 6]."""
    masks: Ints
    """The kinds of micro-ops that are left out, as bit masks, int64[m]."""
    uops: tuple[Uop, ...]
    results: Ints
    """The (last) row of each yield, int64[yields]. Hand-written micro-ops name the yields that they
    wait for."""

    def chosen(self, steps: NDArray[np.bool_] | slice) -> Record:
        """Return the record of some steps; hand-written micro-ops keep their numbers."""
        return replace(
            self,
            paths=self.paths[steps],
            contexts=self.contexts[steps],
            masks=self.masks[steps],
        )


class Recorder:
    """Records strategies over one library, and remembers which paths were chosen."""

    def __init__(self, library: Library) -> None:
        """Begin with the steps of ``library`` and without any choice."""
        self._library = library
        self._choices = Choices(library)

    @property
    def vocabulary(self) -> Vocabulary:
        """The events that strategies over the library may yield, and the instruction set."""
        return Vocabulary(self._library.name, self._library.isa, frozenset(self._choices.events))

    def record(self, steps: Iterable[Step | Uop], last: Step) -> Record:
        """Run ``steps`` to their end and return their record; they begin after event ``last``.

        Raises StrategyError as :func:`costmodel.code.yields.exhausted` does.
        """
        return self.recorded(exhausted(steps, last, self.vocabulary))

    def recorded(self, yields: Yields) -> Record:
        """Return the record of what a strategy yielded.

        Raises StrategyError for more micro-ops than a page table can need.
        """
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
    """Return the recorder of a program; a process has one for each."""
    return Recorder(load_library(operation, program))
