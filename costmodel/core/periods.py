"""Loops in a program: stretches of rows that repeat exactly, found, not assumed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.core.jit import compiled
from costmodel.core.reuse import Ints

MAX_STEPS = 1024
"""Longest loop body that is looked for, in steps."""
MIN_ROWS = 256
"""A state is compared at most once per so many rows: comparing costs about as many."""
Program = NDArray[np.int32]


def parts(code: Program, step_start: Ints, segment_end: Ints) -> Ints:
    """Split a program into parts that are run one after the other.

    Returns int64[parts, 4]: first row, rows of one group, number of groups, segment. Groups of one
    part are equal row for row; parts never cross the end of a segment. ``step_start`` are the rows
    at which loops may begin.
    """
    starts = np.unique(np.concatenate([step_start, segment_end, [0]]))
    starts = starts[starts < len(code)]
    ends = np.append(starts[1:], len(code))
    loops = _loops(_hashes(code, starts, ends), np.searchsorted(segment_end, starts, "right"))
    result: list[tuple[int, int, int, int]] = []
    position = 0
    for first, period, groups in loops.tolist():
        rows = (
            int(starts[first]),
            int(ends[first + period - 1]),
            int(ends[first + period * groups - 1]),
        )
        body = rows[1] - rows[0]
        whole = -(-MIN_ROWS // body)
        if groups // whole < 3 or not _repeats(code, rows[0], rows[2], body):
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


def _repeats(code: Program, first: int, end: int, body: int) -> bool:
    """Hashes may collide: compare the rows themselves."""
    return bool(np.array_equal(code[first + body : end], code[first : end - body]))


def _hashes(code: Program, starts: Ints, ends: Ints) -> Ints:
    """Return a number per step that is equal for equal rows."""
    random = np.random.default_rng(1)
    factors = random.integers(1, 2**62, code.shape[1], dtype=np.int64) | 1
    with np.errstate(over="ignore"):  # numbers wrap around, as they should
        rows: Ints = (code * factors).sum(axis=1)
        rows ^= rows >> 29
        return _combined(rows, starts, ends)


@compiled
def _combined(rows: Ints, starts: Ints, ends: Ints) -> Ints:
    result = np.zeros(len(starts), np.int64)
    for i in range(len(starts)):
        total = np.int64(ends[i] - starts[i])
        for row in range(starts[i], ends[i]):
            total = total * np.int64(6364136223846793005) + rows[row]
        result[i] = total
    return result


@compiled
def _loops(hashes: Ints, segment: Ints) -> Ints:
    """Return (first step, steps per group, groups) of loops, the longest at each place.

    ``run[period]`` is the number of steps from here on that equal those ``period`` later.
    """
    count = len(hashes)
    widest = min(count // 2, MAX_STEPS)
    run = np.zeros(widest + 1, np.int64)
    best = np.zeros((count, 2), np.int64)
    for i in range(count - 1, -1, -1):
        for period in range(1, min(widest, count - 1 - i) + 1):
            same = hashes[i] == hashes[i + period] and segment[i] == segment[i + period]
            run[period] = run[period] + 1 if same else 0
            if run[period] > best[i, 0] and run[period] >= 2 * period:
                best[i, 0] = run[period]
                best[i, 1] = period
    found = np.zeros((count, 3), np.int64)
    loops = 0
    i = 0
    while i < count:
        period = best[i, 1]
        if period == 0:
            i += 1
            continue
        groups = best[i, 0] // period + 1
        found[loops, 0], found[loops, 1], found[loops, 2] = i, period, groups
        loops += 1
        i += period * groups
    return found[:loops]
