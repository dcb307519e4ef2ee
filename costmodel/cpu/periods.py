"""Finds the loops of a program: stretches of rows that repeat exactly."""

from __future__ import annotations

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.sequences import loops, numbered
from costmodel.cpu.columns import COLUMNS, Code
from costmodel.jit import compiled

MIN_ROWS = 256
"""A state is compared at most once in so many rows: a comparison takes about as long as these."""
_WORDS = COLUMNS // 4
"""The number of 64-bit words of a row."""


def parts(code: Code, step_start: Ints, segment_end: Ints) -> Ints:
    """Return the parts of a program that are executed one after the other, int64[parts, 4].

    A part has its first row, the rows of one group, the number of groups, and its segment. The
    groups of a part are equal row for row; no part crosses the end of a segment. ``step_start``
    holds the rows at which loops may begin.
    """
    begins = np.zeros(len(code) + 1, np.bool_)
    begins[step_start] = begins[segment_end] = begins[0] = True
    starts = np.flatnonzero(begins[:-1])
    ends = np.append(starts[1:], len(code))
    segment = np.searchsorted(segment_end, starts, "right")
    words = np.ascontiguousarray(code).view(np.int64)  # four columns at a time
    sums = _sums(words, starts, ends) * (int(segment.max(initial=0)) + 1) + segment
    steps = _told_apart(words, starts, ends, *numbered(sums))
    result: list[tuple[int, int, int, int]] = []
    position = 0
    for first, period, groups in loops(steps).tolist():
        row = int(starts[first])
        body = int(ends[first + period - 1]) - row
        whole = -(-MIN_ROWS // body)
        if groups // whole < 3:
            continue
        _plain(result, position, row, segment_end)
        result.append((row, body * whole, groups // whole, _segment(segment_end, row)))
        position = row + body * whole * (groups // whole)
    _plain(result, position, len(code), segment_end)
    return np.array(result, np.int64).reshape(-1, 4)


def _segment(segment_end: Ints, row: int) -> int:
    return int(np.searchsorted(segment_end, row, "right"))


def _plain(result: list[tuple[int, int, int, int]], first: int, end: int, segments: Ints) -> None:
    """Append the rows from ``first`` to ``end`` as parts of one group, one per segment."""
    while first < end:
        segment = _segment(segments, first)
        last = min(end, int(segments[segment]))
        result.append((first, last - first, 1, segment))
        first = last


@compiled
def _sums(words: Ints, starts: Ints, ends: Ints) -> Ints:
    """Return a checksum of the rows of each step."""
    result = np.zeros(len(starts), np.int64)
    for i in range(len(starts)):
        total = np.int64(0)
        for row in range(starts[i], ends[i]):
            for column in range(_WORDS):
                word = words[row, column]
                total += ((word ^ (word >> 29)) & 0x7FFFFFFF) << column
        result[i] = (total ^ (total >> 31)) & 0x7FFFFFFF
    return result


@compiled
def _told_apart(words: Ints, starts: Ints, ends: Ints, bucket: Ints, first: Ints) -> Ints:
    """Return a number for each step, which only steps that are equal row for row share.

    Equal steps are in one ``bucket`` (int64[m]); ``first`` holds the first step of each bucket.
    """
    numbers = np.empty(len(starts), np.int64)
    other = np.full(len(starts), -1, np.int64)  # the next of the same bucket that differs
    count = 0
    for i in range(len(starts)):
        step = first[bucket[i]]
        rows = ends[i] - starts[i]
        while step != i and not (
            ends[step] - starts[step] == rows and _equal(words, starts[step], starts[i], rows)
        ):
            if other[step] < 0:
                other[step] = i
            step = other[step]
        if step == i:
            numbers[i] = count
            count += 1
        else:
            numbers[i] = numbers[step]
    return numbers


@compiled
def _equal(words: Ints, one: int, other: int, rows: int) -> bool:
    for row in range(rows):
        for column in range(_WORDS):
            if words[one + row, column] != words[other + row, column]:
                return False
    return True
