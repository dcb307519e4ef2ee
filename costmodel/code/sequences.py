"""Sequences of numbers: which are equal, and where they repeat."""

from __future__ import annotations

import numpy as np

from costmodel.arrays import Ints
from costmodel.jit import compiled

MAX_PERIOD = 1024
"""The longest period that is looked for."""


def numbered(keys: Ints) -> tuple[Ints, Ints]:
    """Return a number for each key, in order of first occurrence, and where each occurs first.

    Sorting (``np.unique``) would take five times as long.
    """
    size = 1 << max(4, (2 * len(keys)).bit_length())
    first, numbers, count = _numbered(keys, np.full(size, -1, np.int64))
    return numbers, first[:count]


@compiled
def _numbered(keys: Ints, table: Ints) -> tuple[Ints, Ints, int]:
    """Number keys by a table with open addressing, all -1 before, whose length is a power of 2."""
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


def loops(numbers: Ints) -> Ints:
    """Return where a sequence of numbers repeats itself, int64[loops, 3].

    The numbers are those of :func:`numbered`. Each loop has its first position, the numbers per
    group, and the number of groups; it is the longest one at its position. Loops are in order.
    """
    found: Ints = _loops(numbers, int(numbers.max(initial=-1)) + 1)
    return found


@compiled
def _loops(numbers: Ints, distinct: int) -> Ints:
    """Return the loops; the sequence is searched from its end.

    ``run[period]`` is how many numbers from ``at[period]`` on equal those ``period`` later. Only
    periods to a later equal number are tried, the nearest first; ``later`` links equal numbers.
    Inside a loop, its own other numbers are not tried: they only give several groups as one.
    """
    count = len(numbers)
    run = np.zeros(MAX_PERIOD + 1, np.int64)
    at = np.full(MAX_PERIOD + 1, -1, np.int64)
    later = np.full(count, -1, np.int64)
    nearest = np.full(distinct, -1, np.int64)
    behind = np.full((distinct, 2), -1, np.int64)  # by number: end of a loop, nearest behind it
    best = np.zeros((count, 2), np.int64)
    for i in range(count - 1, -1, -1):
        number = numbers[i]
        same = nearest[number]
        later[i] = same
        nearest[number] = i
        if i + 1 < count and best[i + 1, 1] > 0:
            period = best[i + 1, 1]
            end = i + 1 + best[i + 1, 0] + period
            if numbers[i + period] == number:
                if behind[number, 0] != end:
                    while 0 <= same < end:
                        same = later[same]
                    behind[number, 0], behind[number, 1] = end, same
                run[period] += 1
                at[period] = i
                best[i, 0], best[i, 1] = run[period], period
                same = behind[number, 1]
        while same >= 0 and same - i <= MAX_PERIOD:
            period = same - i
            run[period] = run[period] + 1 if at[period] == i + 1 else 1
            at[period] = i
            if run[period] > best[i, 0] and run[period] >= 2 * period:
                best[i, 0] = run[period]
                best[i, 1] = period
            same = later[same]
    return _chosen(best)


@compiled
def _chosen(best: Ints) -> Ints:
    """Return the loops that start first, each with all its groups."""
    found = np.zeros((len(best), 3), np.int64)
    count = 0
    i = 0
    while i < len(best):
        period = best[i, 1]
        if period == 0:
            i += 1
            continue
        groups = best[i, 0] // period + 1
        found[count, 0], found[count, 1], found[count, 2] = i, period, groups
        count += 1
        i += period * groups
    return found[:count]
