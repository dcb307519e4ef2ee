"""Reuse distances: how many other lines or pages were touched since the last touch of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.sequences import numbered
from costmodel.jit import compiled

FIRST = -1
"""Stands for the distance and the previous touch of what is touched for the first time."""


class Touches(NamedTuple):
    """Touches of numbered blocks (lines or pages) in program order; all arrays are int64[k]."""

    row: Ints
    """The micro-op of each touch."""
    block: Ints
    """The block that is touched."""
    previous: Ints
    """The index of the last touch of the same block, or -1."""
    distance: Ints
    """The number of other blocks touched since then, or -1."""


def touches(row: Ints, block: Ints, near: int = 0) -> Touches:
    """Return the touches with their LRU stack distances, in O(k log k).

    With ``near``, most distances below it are given as 0, which takes less time.
    """
    previous, distance = _distances(numbered(block)[0], near)
    return Touches(row, block, previous, distance)


@compiled
def _distances(numbers: Ints, near: int) -> tuple[Ints, Ints]:
    """Return previous touches and distances, counted by a Fenwick tree.

    Each block has a mark at its latest touch; marks are moved only when they are counted.
    """
    count = len(numbers)
    tree = np.zeros(count + 1, np.int64)
    last = np.full(count, -1, np.int64)  # by block, as all below
    mark = np.full(count, -1, np.int64)
    touched = np.zeros(count, np.int64)  # whose mark is not where it was touched last
    behind = np.zeros(count, np.bool_)  # who is one of those
    waiting = 0
    previous = np.full(count, -1, np.int64)
    distance = np.full(count, -1, np.int64)
    for i in range(count):
        block = numbers[i]
        before = last[block]
        previous[i] = before
        if before < 0:
            _mark(tree, i, 1)
            mark[block] = i
        elif i - before <= near:  # less lies in between
            distance[i] = 0
        else:
            for other in touched[:waiting]:
                _mark(tree, mark[other], -1)
                _mark(tree, last[other], 1)
                mark[other] = last[other]
                behind[other] = False
            waiting = 0
            distance[i] = _marks(tree, i) - _marks(tree, before + 1)
        last[block] = i
        if mark[block] != i and not behind[block]:
            behind[block] = True
            touched[waiting] = block
            waiting += 1
    return previous, distance


@compiled
def _mark(tree: Ints, index: int, change: int) -> None:
    at = index + 1
    while at < len(tree):
        tree[at] += change
        at += at & -at


@compiled
def _marks(tree: Ints, end: int) -> int:
    """Return the number of marks before ``end``."""
    total = 0
    at = end
    while at > 0:
        total += tree[at]
        at -= at & -at
    return total
