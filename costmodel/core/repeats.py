"""What a group of rows that stands for many executions means to those who look at all of them."""

from __future__ import annotations

import numpy as np

from costmodel.core.reuse import FIRST, Ints, Touches
from costmodel.trace import Repeat


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


def new_blocks(touch: Touches, repeat: Repeat) -> int:
    """Return the blocks that each execution touches anew."""
    inside = (touch.row >= repeat.first) & (touch.row < repeat.end)
    return int(np.count_nonzero(inside & (touch.previous == FIRST)))


def over_all(touch: Touches, repeat: Repeat | None) -> Touches:
    """Count in the distances across the group what its further executions touch."""
    if repeat is None:
        return touch
    before = rows_before(touch)
    across = (before != FIRST) & (before < repeat.first) & (touch.row >= repeat.end)
    new = repeat.further * new_blocks(touch, repeat)
    return touch._replace(distance=touch.distance + np.where(across, new, 0))


def growing(touch: Touches, repeat: Repeat) -> Ints:
    """Return how many more blocks lie before each touch in every execution, int64[k].

    0 but for touches in the group of what was last touched before the loop began.
    """
    before = rows_before(touch)
    inside = (touch.row >= repeat.first) & (touch.row < repeat.end)
    old = (before != FIRST) & (before < repeat.first - repeat.before * repeat.rows)
    return np.where(inside & old, new_blocks(touch, repeat), 0)
