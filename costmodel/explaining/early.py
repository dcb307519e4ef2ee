"""Counts hand-written accesses that come before the compiled code knows the address.

They do what prefetches do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import ADDRESS, TableRun, Trace


def early_accesses(runs: Sequence[TableRun]) -> float:
    """Return how many accesses per PTE touch a line while compiled code computes its address.

    Such an access acts as a prefetch: the compiled access to the line waits less.
    """
    ptes = sum(run.count * run.ptes for run in runs)
    return sum(run.count * _early(run.trace) for run in runs) / ptes


def _early(trace: Trace) -> int:
    hand = trace.step_start[trace.step_id >= len(trace.step_names)]
    hand = hand[trace.line[hand] >= 0]
    if not len(hand):
        return 0
    by_line = np.argsort(trace.line, kind="stable")
    position = np.empty(len(trace), np.int64)
    position[by_line] = np.arange(len(trace))
    by_hand = np.zeros(len(trace), np.bool_)
    by_hand[hand] = True
    return sum(_is_early(trace, by_line, int(position[row]), by_hand) for row in hand.tolist())


def _is_early(
    trace: Trace, by_line: NDArray[np.int64], place: int, by_hand: NDArray[np.bool_]
) -> bool:
    """Tell whether the access at ``place`` of the rows sorted by line and order is early."""
    row, line = by_line[place], trace.line[by_line[place]]
    if place and trace.line[by_line[place - 1]] == line:
        return False  # the line was there already
    for other in by_line[place + 1 :]:
        if trace.line[other] != line:
            return False
        if not by_hand[other]:
            return bool(trace.inputs[other, ADDRESS].max() > row)
    return False
