"""One execution of a program, with the iterations of its loops computed until they repeat."""

from __future__ import annotations

from costmodel.core import columns as c
from costmodel.core.parameters import Parameters
from costmodel.core.pipeline import advance
from costmodel.core.reuse import Ints
from costmodel.core.state import NOTHING, Reach, load, save
from costmodel.core.window import RETIRED, Costs, Window
from costmodel.jit import hot

_COMPARE_ALWAYS = 8
"""Iterations after which a state is kept for comparison at powers of two only (Brent's method)."""


@hot
def run_table(
    code: c.Code, parts: Ints, reach: Reach, p: Parameters, costs: Costs, w: Window,
    state: Ints, scratch: Ints, segment_ticks: Ints, totals: Ints,
) -> None:  # fmt: skip
    """Run a program once from ``state``, which becomes the state behind it.

    ``segment_ticks`` and ``totals`` receive the ticks by segment and the counters and the stack.
    ``scratch`` is int64[3, n] with room for a state (and for ``totals`` in its last row).
    """
    load(p, w, state)
    for i in range(len(parts)):
        first, rows, groups, segment = parts[i, 0], parts[i, 1], parts[i, 2], parts[i, 3]
        before = w.now[RETIRED]
        skipped = 0
        if groups == 1:
            advance(code, first, first + rows, p, costs, w, totals)
        else:
            skipped = _loop(code, first, rows, groups, reach, p, costs, w, scratch, totals)
        segment_ticks[segment] += w.now[RETIRED] - before + skipped
    save(p, w, NOTHING, state)


@hot
def _loop(
    code: c.Code, first: int, rows: int, groups: int, reach: Reach, p: Parameters,
    costs: Costs, w: Window, scratch: Ints, totals: Ints,
) -> int:  # fmt: skip
    """Run equal groups of rows; return the ticks of those that need no computing.

    A group that begins in a state in which an earlier one began costs what that one did, and so do
    all that follow: the rest is taken in whole cycles from the first repetition.
    """
    kept, current, kept_totals = scratch[0], scratch[1], scratch[2]
    kept_at = -1
    kept_ticks = 0
    skipped = 0
    group = 0
    while group < groups:
        advance(code, first, first + rows, p, costs, w, totals)
        group += 1
        if group == groups or skipped > 0:
            continue
        save(p, w, reach, current)
        if kept_at >= 0 and _equal(kept, current):
            length = group - kept_at
            times = (groups - group) // length
            for i in range(len(totals)):
                totals[i] += (totals[i] - kept_totals[i]) * times
            skipped = (w.now[RETIRED] - kept_ticks) * times
            group += length * times
        elif group <= _COMPARE_ALWAYS or group & (group - 1) == 0:
            for i in range(len(kept)):
                kept[i] = current[i]
            for i in range(len(totals)):
                kept_totals[i] = totals[i]
            kept_at = group
            kept_ticks = w.now[RETIRED]
    return skipped


@hot
def _equal(one: Ints, other: Ints) -> bool:
    for i in range(len(one)):  # noqa: SIM110 (a generator would allocate)
        if one[i] != other[i]:
            return False
    return True
