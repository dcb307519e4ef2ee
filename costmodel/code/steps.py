"""The steps of a trace that is being built: what each executes, and how they are numbered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.library import Library

Ints = NDArray[np.int64]


class Steps(NamedTuple):
    """Consecutive rows of a trace, int64[m] each: paths of a library, or parts of them."""

    path: Ints
    """Path of the library; ``-1 - k`` for hand-written micro-op ``k``."""
    first: Ints
    """Row of the path with which it begins."""
    length: Ints
    mask: Ints
    """Kinds of micro-ops that are left out, as a bit mask."""

    @classmethod
    def of(cls, paths: Ints, lengths: Ints, masks: Ints) -> Steps:
        """Return steps that execute whole paths."""
        return cls(paths, np.zeros(len(paths), np.int64), lengths, masks)

    @property
    def start(self) -> Ints:
        """First row of each."""
        return np.cumsum(self.length) - self.length

    @property
    def of_rows(self) -> Ints:
        """The step of each row, int64[n]."""
        return np.repeat(np.arange(len(self.path)), self.length)

    def ordered(self, order: Ints) -> Steps:
        """Return the steps of the same rows in another order, in which some are cut in two."""
        step = self.of_rows
        position = (np.arange(len(step)) - self.start[step] + self.first[step])[order]
        step = step[order]
        begins = np.flatnonzero(np.diff(step, prepend=-1))
        old = step[begins]
        length = np.diff(np.append(begins, len(step)))
        return Steps(self.path[old], position[begins], length, self.mask[old])

    def numbered(self, library: Library) -> tuple[Ints, tuple[str, ...]]:
        """Return a number for what each step executes, and the names of the numbers.

        Hand-written micro-ops have numbers beyond the names.
        """
        known = len(library.path_events)
        path = np.maximum(self.path, 0)
        whole = (self.path < 0) | (self.length == library.path_length[path])
        parts, number = np.unique(
            np.stack([self.path, self.first, self.length], axis=1)[~whole],
            axis=0,
            return_inverse=True,
        )
        names = (*library.path_events, *(library.path_events[p] for p in parts[:, 0].tolist()))
        ids = np.where(self.path < 0, len(names) - 1 - self.path, self.path)
        ids[~whole] = known + number.reshape(-1)
        return ids, names
