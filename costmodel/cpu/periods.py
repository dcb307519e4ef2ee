"""Loops in a program: stretches of rows that repeat exactly, found, not assumed."""

from __future__ import annotations

import numpy as np

from costmodel.code.sequences import loops, numbered
from costmodel.cpu.columns import Code
from costmodel.cpu.reuse import Ints
from costmodel.jit import compiled

MIN_ROWS = 256
"""A state is compared at most once per so many rows: comparing costs about as many."""


def parts(code: Code, step_start: Ints, segment_end: Ints) -> Ints:
    """Split a program into parts that are run one after the other.

    Returns int64[parts, 4]: first row, rows of one group, number of groups, segment. Groups of one
    part are equal row for row; parts never cross the end of a segment. ``step_start`` are the rows
    at which loops may begin.
    """
    starts = np.unique(np.concatenate([step_start, segment_end, [0]]))
    starts = starts[starts < len(code)]
    ends = np.append(starts[1:], len(code))
    segment = np.searchsorted(segment_end, starts, "right")
    words = np.ascontiguousarray(code).view(np.int64)  # four columns at a time
    steps = _hashes(words, starts, ends) * (int(segment.max(initial=0)) + 1) + segment
    result: list[tuple[int, int, int, int]] = []
    position = 0
    for first, period, groups in loops(numbered(steps)[0]).tolist():
        rows = (
            int(starts[first]),
            int(ends[first + period - 1]),
            int(ends[first + period * groups - 1]),
        )
        body = rows[1] - rows[0]
        whole = -(-MIN_ROWS // body)
        if groups // whole < 3 or not _repeats(words, rows[0], rows[2], body):
            continue
        _plain(result, position, rows[0], segment_end)
        result.append((rows[0], body * whole, groups // whole, _segment(segment_end, rows[0])))
        position = rows[0] + body * whole * (groups // whole)
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
def _repeats(words: Ints, first: int, end: int, body: int) -> bool:
    """Hashes may collide: compare the rows themselves."""
    for row in range(first + body, end):
        for column in range(words.shape[1]):
            if words[row, column] != words[row - body, column]:
                return False
    return True


@compiled
def _hashes(words: Ints, starts: Ints, ends: Ints) -> Ints:
    """Return a number per step that is equal for equal rows."""
    result = np.zeros(len(starts), np.int64)
    for i in range(len(starts)):
        total = ends[i] - starts[i]
        for row in range(starts[i], ends[i]):
            for column in range(words.shape[1]):
                word = words[row, column]
                # Kept below 31 bits: numbers must not wrap around where Python multiplies them.
                low = (word ^ (word >> 29)) & 0x7FFFFFFF
                total = (((total ^ low) * 0x9E3779B1) >> 15) & 0x7FFFFFFF
        result[i] = total
    return result
