"""Decides which taken branches fetch follows quickly: those of small loops, and those whose target
is in the first level of the branch target buffer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.sequences import numbered
from costmodel.code.uops import Kind
from costmodel.cpu.columns import SLOW, flags_of
from costmodel.cpu.reuse import FIRST, touches
from costmodel.jit import compiled

_TAKEN = flags_of((Kind.JUMP, Kind.CALL, Kind.RET), Kind)


def slow_parts(
    kind: NDArray[np.uint8], taken: NDArray[np.int8], site: NDArray[np.int32],
    loop_entries: int, targets: int,
) -> NDArray[np.int16]:  # fmt: skip
    """Return how far each taken branch is from the quick rate, int16[n]: from 0 to ``SLOW``.

    A branch of a loop of at most ``loop_entries`` micro-ops is followed at the quick rate, and so
    is one whose target a first level of ``targets`` holds. With more of them such a level forgets
    little by little, because its sets fill unevenly: all of it with three times as many (measured
    on a Raptor Cove, docs/model.md). What is no taken branch has ``SLOW``.
    """
    parts = np.full(len(kind), SLOW, np.int16)
    if targets:
        branches = np.flatnonzero(_TAKEN[kind] | (taken == 1))
        met = touches(branches, site[branches].astype(np.int64))
        fresh = met.previous == FIRST
        # The execution before took the same branches.
        others = np.where(fresh, np.count_nonzero(fresh) - 1, met.distance)
        parts[branches] = np.clip(SLOW * (others + 1 - targets) // (2 * targets), 0, SLOW)
    if loop_entries:
        number, first = numbered(site.astype(np.int64))
        parts[loops_back(number, len(first), loop_entries)] = 0
    return parts


@compiled
def loops_back(site: Ints, sites: int, entries: int) -> NDArray[np.bool_]:
    """Return where the next instruction was among the last ``entries`` micro-ops, bool[n].

    ``site``, int64[n], holds the static instruction of each micro-op, numbered from 0 to ``sites``.
    """
    count = len(site)
    result = np.zeros(count, np.bool_)
    last = np.full(sites, -1, np.int64)
    for i in range(count - 1):
        last[site[i]] = i
        before = last[site[i + 1]]
        result[i] = before >= 0 and i - before < entries
    return result
