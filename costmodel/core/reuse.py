"""Reuse distances: how many distinct lines (or pages) were touched since the last touch of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.jit import compiled

Ints = NDArray[np.int64]
FIRST = -1
"""As a distance or as a previous touch: touched for the first time."""


class Touches(NamedTuple):
    """Touches of numbered blocks (lines or pages) in program order."""

    row: Ints
    """int64[k], micro-op of each touch."""
    block: Ints
    """int64[k], touched block."""
    previous: Ints
    """int64[k], index of the last touch of the same block, or -1."""
    distance: Ints
    """int64[k], distinct other blocks touched since then, or -1."""


def touches(row: Ints, block: Ints) -> Touches:
    """Return the touches with their LRU stack distance, in O(k log k)."""
    previous, distance = _distances(numbered(block)[0])
    return Touches(row, block, previous, distance)


def numbered(keys: Ints) -> tuple[Ints, Ints]:
    """Return each key's number, in order of first occurrence, and where each number occurs first.

    What sorting (``np.unique``) would do five times as slowly.
    """
    size = 1 << max(4, (2 * len(keys)).bit_length())
    first, numbers, count = _numbered(keys, np.full(size, -1, np.int64))
    return numbers, first[:count]


@compiled
def _numbered(keys: Ints, table: Ints) -> tuple[Ints, Ints, int]:
    """Look keys up in ``table``: open addressing, all -1 before, its length a power of 2."""
    numbers = np.empty(len(keys), np.int64)
    first = np.empty(len(keys), np.int64)
    mask = len(table) - 1
    count = 0
    for i in range(len(keys)):
        key = keys[i]
        # 31 bits times 32 bits: numbers must not wrap around where Python multiplies them.
        place = ((((key ^ (key >> 32)) & 0x7FFFFFFF) * 0x9E3779B1) >> 16) & mask
        while table[place] >= 0 and keys[first[table[place]]] != key:
            place = (place + 1) & mask
        if table[place] < 0:
            table[place] = count
            first[count] = i
            count += 1
        numbers[i] = table[place]
    return first, numbers, count


@compiled
def _distances(numbers: Ints) -> tuple[Ints, Ints]:
    """Keep one mark per block at its latest touch and count marks with a Fenwick tree."""
    count = len(numbers)
    tree = np.zeros(count + 1, np.int64)
    last = np.full(count, -1, np.int64)
    previous = np.full(count, -1, np.int64)
    distance = np.full(count, -1, np.int64)
    for i in range(count):
        before = last[numbers[i]]
        previous[i] = before
        if before == i - 1 and i:  # nothing in between: the usual case needs no tree
            distance[i] = 0
            _mark(tree, before, -1)
        elif before >= 0:
            distance[i] = _marks(tree, i) - _marks(tree, before + 1)
            _mark(tree, before, -1)
        _mark(tree, i, 1)
        last[numbers[i]] = i
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
