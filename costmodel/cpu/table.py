"""Executes a program once; the iterations of its loops are computed until they repeat."""

from __future__ import annotations

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.pipeline import advance
from costmodel.cpu.state import NOTHING, Reach, restore_state, save_state
from costmodel.cpu.window import LONG_AGO, Costs, Window
from costmodel.jit import hot

KEPT = 16
"""The states after so many iterations are kept for comparison. After that, one state is kept at a
time, at powers of two (Brent's method)."""
# Columns of what is known of a kept state.
_GROUP, _TICKS, _TOTALS = range(3)


@hot
def run_table(
    code: c.Code, parts: Ints, reach: Reach, p: Parameters, costs: Costs, w: Window,
    state: Ints, scratch: Ints, length: int, segment_ticks: Ints, totals: Ints,
) -> None:  # fmt: skip
    """Execute a program once from ``state``, which is replaced by the state after it.

    ``segment_ticks`` receives the ticks of each segment, ``totals`` the counters and the ticks of
    each cause. ``scratch`` is int64[2 * KEPT + 1, n], where n is enough for ``totals`` and two more
    numbers, and for the ``length`` of a state with this reach.
    """
    restore_state(p, w, state)
    current = scratch[2 * KEPT, :length]
    for i in range(len(parts)):
        first, rows, groups, segment = parts[i, 0], parts[i, 1], parts[i, 2], parts[i, 3]
        began = w.now[0].retired
        advance(code, first, first + rows, p, costs, w, totals)
        segment_ticks[segment] += w.now[0].retired - began
        if groups > 1:
            save_state(p, w, reach, current)
            began = w.now[0].retired
            skipped = _loop(code, first, rows, groups, reach, p, costs, w, scratch, current, totals)
            segment_ticks[segment] += w.now[0].retired - began + skipped
    w.now[0].freed = LONG_AGO  # each table is charged for its own
    save_state(p, w, NOTHING, state)


@hot
def _loop(
    code: c.Code, first: int, rows: int, groups: int, reach: Reach, p: Parameters,
    costs: Costs, w: Window, scratch: Ints, current: Ints, totals: Ints,
) -> int:  # fmt: skip
    """Execute equal groups of rows after the first one; return the ticks of those not computed.

    A group that begins in the state in which an earlier one began costs the same, and so do all
    that follow. So from the first repetition on, whole cycles of groups are added. The last row of
    ``scratch`` holds the state after the first group.
    """
    kept, known, current = scratch[:KEPT], scratch[KEPT : 2 * KEPT], scratch[2 * KEPT]
    for at in range(KEPT):
        known[at, _GROUP] = 0
    _keep(current, totals, 1, w.now[0].retired, kept, known)
    skipped = 0
    group = 1
    while group < groups:
        advance(code, first, first + rows, p, costs, w, totals)
        group += 1
        if group == groups or skipped > 0:
            continue
        save_state(p, w, reach, current)
        same = _find(kept, known, current)
        if same >= 0:
            length = group - known[same, _GROUP]
            times = (groups - group) // length
            for i in range(len(totals)):
                totals[i] += (totals[i] - known[same, _TOTALS + i]) * times
            skipped = (w.now[0].retired - known[same, _TICKS]) * times
            group += length * times
        elif group <= KEPT or group & (group - 1) == 0:
            _keep(current, totals, group, w.now[0].retired, kept, known)
    return skipped


@hot
def _keep(current: Ints, totals: Ints, group: int, ticks: int, kept: Ints, known: Ints) -> None:
    at = group % KEPT
    for i in range(len(current)):
        kept[at, i] = current[i]
    known[at, _GROUP], known[at, _TICKS] = group, ticks
    for i in range(len(totals)):
        known[at, _TOTALS + i] = totals[i]


@hot
def _find(kept: Ints, known: Ints, current: Ints) -> int:
    """Return the number of the kept state that equals the current one; -1 for none."""
    for at in range(len(kept)):
        if known[at, _GROUP] and begins_with(kept[at], current):
            return at
    return -1


@hot
def begins_with(row: Ints, state: Ints) -> bool:
    """Tell whether a row, which may be longer, holds a state."""
    for i in range(len(state)):  # noqa: SIM110 (a generator would allocate)
        if row[i] != state[i]:
            return False
    return True
