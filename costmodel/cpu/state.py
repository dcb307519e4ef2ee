"""The state of a window relative to its next dispatch: what decides everything that follows.

Two states that are equal give equal futures for equal rows. Times that lie too far back to matter
are all written as the same number.
"""

from __future__ import annotations

from typing import NamedTuple

from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.reuse import Ints
from costmodel.cpu.window import (
    ARRIVAL_CLASS,
    ARRIVES,
    ATOMIC_BEGAN,
    CARRIED,
    CYCLE,
    DATA,
    DONE,
    DRAIN_CAUSE,
    DRAINED,
    DRAINED_CAUSE,
    DRAINS,
    FENCE,
    FENCE_CAUSE,
    FORWARDS,
    ISSUED,
    LATEST,
    LOAD,
    REDIRECT,
    REDIRECT_CAUSE,
    REQUEST_RING,
    RETIRED,
    RETIRES,
    RETIRING,
    RING,
    ROW,
    SLOTS,
    STORE,
    TLBI_FREE,
    TLBI_PENDING,
    Window,
)
from costmodel.jit import hot, inlined

_NONE = -1


class Reach(NamedTuple):
    """How far back the rows of one program look."""

    rows: int
    entries: int
    streams: int
    requests: int
    """Requests of each stream."""


NOTHING = Reach(0, 0, 0, 0)


def state_length(p: Parameters, reach: Reach = NOTHING) -> int:
    """Return the length of a state that looks so far back."""
    return (
        CARRIED + p.miss_registers + 2 * p.rob + p.load_queue + 2 * p.store_queue
        + 3 * reach.rows + 2 * reach.entries + reach.streams * reach.requests
    )  # fmt: skip


@hot
def save(p: Parameters, w: Window, reach: Reach, out: Ints) -> None:
    """Write the state into ``out``, of the length that :func:`state_length` gives."""
    now = w.now
    zero = now[CYCLE]
    _save_carried(p, zero, now, out)
    at = CARRIED
    for i in range(p.miss_registers):
        out[at + i] = max(w.misses[i] - zero, 0)
    at += p.miss_registers
    for back in range(1, p.rob + 1):
        slot = (now[ROW] - back) & (RING - 1)
        out[at] = max(w.rows[RETIRES, slot] - zero, 0)
        issued = w.rows[ISSUED, slot] - (zero << 2)
        out[at + 1] = issued if issued >= 0 else _NONE
        at += 2
    for back in range(1, p.load_queue + 1):
        out[at] = max(w.loads[(now[LOAD] - back) & (RING - 1)] - zero, 0)
        at += 1
    for back in range(1, p.store_queue + 1):
        entry = (now[STORE] - back) & (RING - 1)
        drains = w.stores[DRAINS, entry] - zero
        out[at] = max(drains, 0)
        out[at + 1] = w.stores[DRAIN_CAUSE, entry] if drains > 0 else 0
        at += 2
    _save_data(p, w, reach, out, at)


@inlined
def _save_carried(p: Parameters, zero: int, now: Ints, out: Ints) -> None:
    out[CYCLE] = 0
    out[SLOTS] = now[SLOTS]
    out[RETIRED] = now[RETIRED] - zero
    out[RETIRING] = now[RETIRING]
    for time, cause in (
        (REDIRECT, REDIRECT_CAUSE), (FENCE, FENCE_CAUSE), (DRAINED, DRAINED_CAUSE)
    ):  # fmt: skip
        ahead = now[time] - zero
        out[time] = max(ahead, 0)
        out[cause] = now[cause] if ahead > 0 else 0
    out[TLBI_FREE] = max(now[TLBI_FREE] - zero, 0)
    out[TLBI_PENDING] = now[TLBI_PENDING]
    out[ATOMIC_BEGAN] = max(now[ATOMIC_BEGAN] - zero, -p.line_change)


@inlined
def _save_data(p: Parameters, w: Window, reach: Reach, out: Ints, at: int) -> None:
    """Write what only rows of the same execution look back at: inputs, lines and stored data."""
    now = w.now
    zero = now[CYCLE]
    for back in range(1, reach.rows + 1):
        slot = (now[ROW] - back) & (RING - 1)
        out[at] = max(w.rows[DONE, slot] - zero, 0)
        arrives = w.rows[ARRIVES, slot] - zero
        out[at + 1] = max(arrives, 0)
        out[at + 2] = w.rows[ARRIVAL_CLASS, slot] if arrives > 0 else 0
        at += 3
    for back in range(1, reach.entries + 1):
        entry = (now[STORE] - back) & (RING - 1)
        waits = w.stores[DRAINS, entry] > zero
        out[at] = max(w.stores[DATA, entry] - zero, -p.forward) if waits else _NONE
        out[at + 1] = w.stores[FORWARDS, entry] if waits else _NONE
        at += 2
    for stream in range(reach.streams):
        for back in range(1, reach.requests + 1):
            request = (w.requested[stream] - back) & (REQUEST_RING - 1)
            out[at] = max(w.requests[stream, request] - zero, -p.prefetch_gap)
            at += 1


@hot
def load(p: Parameters, w: Window, state: Ints) -> None:
    """Put a window into a state that looks back on no rows, entries or requests of a program."""
    now = w.now
    # Later than any start so far: the ports' cycles are then all free.
    zero = (max(now[LATEST], now[CYCLE]) // TICKS_PER_CYCLE + 1) * TICKS_PER_CYCLE
    for i in range(CARRIED):
        now[i] = state[i]
    for time in (CYCLE, RETIRED, REDIRECT, FENCE, DRAINED, TLBI_FREE, ATOMIC_BEGAN):
        now[time] += zero
    at = CARRIED
    for i in range(p.miss_registers):
        w.misses[i] = state[at + i] + zero
    at += p.miss_registers
    for back in range(1, p.rob + 1):
        slot = (now[ROW] - back) & (RING - 1)
        w.rows[RETIRES, slot] = state[at] + zero
        w.rows[ISSUED, slot] = _NONE
        if state[at + 1] >= 0:
            _issued_again(state[at + 1] + (zero << 2), slot, w)
        at += 2
    for back in range(1, p.load_queue + 1):
        w.loads[(now[LOAD] - back) & (RING - 1)] = state[at] + zero
        at += 1
    for back in range(1, p.store_queue + 1):
        entry = (now[STORE] - back) & (RING - 1)
        w.stores[DRAINS, entry] = state[at] + zero
        w.stores[DRAIN_CAUSE, entry] = state[at + 1]
        at += 2


@inlined
def _issued_again(issued: int, slot: int, w: Window) -> None:
    """Count a start that is still to come at its port again."""
    w.rows[ISSUED, slot] = issued
    w.now[LATEST] = max(w.now[LATEST], issued >> 2)
    cycle = (issued >> 2) // TICKS_PER_CYCLE
    group, at = issued & 3, cycle & (w.ports.shape[1] - 1)
    packed = w.ports[group, at]
    w.ports[group, at] = packed + 1 if packed >> 6 == cycle else (cycle << 6) | 1
