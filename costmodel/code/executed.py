"""The steps of a trace: which rows of which fragments it executes, in order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.library import Library


class ExecutedSteps(NamedTuple):
    """The steps of a trace: fragments of a library or parts of them; all fields are int64[m]."""

    fragment: Ints
    """The fragment of the library; ``-1 - k`` for hand-written micro-op ``k``."""
    first: Ints
    """The row of the fragment with which the step begins."""
    length: Ints
    """The number of rows."""
    mask: Ints
    """The kinds of micro-ops that are left out, as a bit mask."""

    @classmethod
    def of(cls, fragments: Ints, lengths: Ints, masks: Ints) -> ExecutedSteps:
        """Return steps that execute whole fragments."""
        return cls(fragments, np.zeros(len(fragments), np.int64), lengths, masks)

    @property
    def start(self) -> Ints:
        """The first row of each step, int64[m]."""
        return np.cumsum(self.length) - self.length

    @property
    def of_rows(self) -> Ints:
        """The step of each row, int64[n]."""
        return np.repeat(np.arange(len(self.fragment)), self.length)

    def ordered(self, order: Ints) -> ExecutedSteps:
        """Return the steps of the same rows in another order, which may cut steps into two."""
        step = self.of_rows
        position = (np.arange(len(step)) - self.start[step] + self.first[step])[order]
        step = step[order]
        begins = np.flatnonzero(np.diff(step, prepend=-1))
        old = step[begins]
        length = np.diff(np.append(begins, len(step)))
        return ExecutedSteps(self.fragment[old], position[begins], length, self.mask[old])

    def numbered(self, library: Library) -> tuple[Ints, tuple[str, ...]]:
        """Return a number for each step, equal for steps that execute the same, and their names.

        Hand-written micro-ops have numbers beyond the names.
        """
        known = len(library.fragment_events)
        fragment = np.maximum(self.fragment, 0)
        whole = (self.fragment < 0) | (self.length == library.fragment_length[fragment])
        parts, number = np.unique(
            np.stack([self.fragment, self.first, self.length], axis=1)[~whole],
            axis=0,
            return_inverse=True,
        )
        names = (
            *library.fragment_events,
            *(library.fragment_events[p] for p in parts[:, 0].tolist()),
        )
        ids = np.where(self.fragment < 0, len(names) - 1 - self.fragment, self.fragment)
        ids[~whole] = known + number.reshape(-1)
        return ids, names
