"""What a group of rows that stands for many executions means to those who look at all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import Repeat
from costmodel.cpu.reuse import FIRST, Ints, Touches
from costmodel.jit import compiled


class UnsteadyError(Exception):
    """The executions that a repeat stands for are not alike on this machine: run them all."""


def executed(rows: Ints, repeat: Repeat | None) -> Ints:
    """Return indices into ``rows`` (ascending rows of a trace) in the order of their execution."""
    every = np.arange(len(rows))
    if repeat is None:
        return every
    first, end = np.searchsorted(rows, [repeat.first, repeat.end])
    again = np.tile(every[first:end], repeat.times)
    return np.concatenate([every[:first], again, every[end:]])


def rows_before(touch: Touches) -> Ints:
    """Return the micro-op of the previous touch of the same block, int64[k]; -1 for none."""
    return np.where(touch.previous == FIRST, FIRST, touch.row[touch.previous])


def over_all(touch: Touches, repeat: Repeat | None) -> Touches:
    """Count in the distances across the group what its further executions touch."""
    if repeat is None:
        return touch
    new = _new_blocks(touch.row, touch.previous, repeat.first, repeat.end)
    across = _across(touch.row, touch.previous, repeat.first, repeat.end)
    return touch._replace(distance=touch.distance + repeat.further * new * across)


def growing(touch: Touches, repeat: Repeat) -> Ints:
    """Return how many more blocks lie before each touch in every execution, int64[k].

    0 but for touches in the group of what was last touched before the loop began.
    """
    new = _new_blocks(touch.row, touch.previous, repeat.first, repeat.end)
    loop = repeat.first - repeat.before * repeat.rows
    return new * _from_before(touch.row, touch.previous, repeat.first, repeat.end, loop)


@compiled
def _new_blocks(row: Ints, previous: Ints, first: int, end: int) -> int:
    """Return the blocks that each execution of rows ``first`` to ``end`` touches anew."""
    count = 0
    for i in range(len(row)):
        if first <= row[i] < end and previous[i] == FIRST:
            count += 1
    return count


@compiled
def _across(row: Ints, previous: Ints, first: int, end: int) -> NDArray[np.bool_]:
    """Tell which touches lie behind a group while the last touch lies before it."""
    result = np.zeros(len(row), np.bool_)
    for i in range(len(row)):
        result[i] = row[i] >= end and previous[i] != FIRST and row[previous[i]] < first
    return result


@compiled
def _from_before(row: Ints, previous: Ints, first: int, end: int, loop: int) -> NDArray[np.bool_]:
    """Tell which touches lie in a group while the last touch lies before row ``loop``."""
    result = np.zeros(len(row), np.bool_)
    for i in range(len(row)):
        result[i] = first <= row[i] < end and previous[i] != FIRST and row[previous[i]] < loop
    return result
