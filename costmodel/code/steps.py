"""The steps of a trace that is being built: the rows of each, and their numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.library import Library

Ints = NDArray[np.int64]


class Steps(NamedTuple):
    """The steps of a trace: paths of a library or parts of them; all fields are int64[m]."""

    path: Ints
    """The path of the library; ``-1 - k`` for hand-written micro-op ``k``."""
    first: Ints
    """The row of the path with which the step begins."""
    length: Ints
    """The number of rows."""
    mask: Ints
    """The kinds of micro-ops that are left out, as a bit mask."""

    @classmethod
    def of(cls, paths: Ints, lengths: Ints, masks: Ints) -> Steps:
        """Return steps that execute whole paths."""
        return cls(paths, np.zeros(len(paths), np.int64), lengths, masks)

    @property
    def start(self) -> Ints:
        """The first row of each step, int64[m]."""
        return np.cumsum(self.length) - self.length

    @property
    def of_rows(self) -> Ints:
        """The step of each row, int64[n]."""
        return np.repeat(np.arange(len(self.path)), self.length)

    def ordered(self, order: Ints) -> Steps:
        """Return the steps of the same rows in another order, which may cut steps into two."""
        step = self.of_rows
        position = (np.arange(len(step)) - self.start[step] + self.first[step])[order]
        step = step[order]
        begins = np.flatnonzero(np.diff(step, prepend=-1))
        old = step[begins]
        length = np.diff(np.append(begins, len(step)))
        return Steps(self.path[old], position[begins], length, self.mask[old])

    def numbered(self, library: Library) -> tuple[Ints, tuple[str, ...]]:
        """Return a number for each step, equal for steps that execute the same, and their names.

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
