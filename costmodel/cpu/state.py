"""The state of a window relative to its youngest dispatch, which decides all that follows.

From equal states, equal rows take equal times. All times that lie too far back to matter are
written as the same number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Ints
from costmodel.cpu.issue import take_until
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.window import (
    GROUP_BITS,
    LONG_AGO,
    NO_ISSUE,
    REQUEST_RING,
    RING,
    WORD_TICKS,
    Now,
    Window,
    atomics_apart,
)
from costmodel.jit import hot, inlined
from costmodel.units import TICKS_PER_CYCLE

_NONE = -1
_CARRIED = 15
"""How many numbers of the state are single ones, not parts of a ring."""
_ATOMIC_BEGAN, _FREED = 9, 13
"""The positions of ``Now.atomic_began`` and ``Now.freed`` in the state."""


class Reach(NamedTuple):
    """How far back the rows of a program look: at rows, store queue entries and requests."""

    rows: int
    entries: int
    streams: int
    requests: int
    """How many requests of each stream."""


NOTHING = Reach(0, 0, 0, 0)


def state_length(p: Parameters, reach: Reach = NOTHING) -> int:
    """Return the length of the state of a window, for a program with a given reach."""
    return (
        _CARRIED + p.miss_registers + 3 * p.rob + 2 * p.store_queue + p.in_flight
        + p.load_queue + p.locked_in_flight + p.branches + p.calls + p.results
        + p.fetches * p.fetch_queue
        + _widths(p) + 3 * reach.rows + 2 * reach.entries + reach.streams * reach.requests
    )  # fmt: skip


def empty_state(p: Parameters) -> Ints:
    """Return the state of a window in which nothing is in flight."""
    state = np.zeros(state_length(p), np.int64)
    state[_ATOMIC_BEGAN] = -p.line_change
    state[_FREED] = LONG_AGO
    rows = state[_CARRIED + p.miss_registers :][: 3 * p.rob]
    rows[0::3] = -TICKS_PER_CYCLE
    rows[1::3] = _NONE
    state[len(state) - _widths(p) :] = -TICKS_PER_CYCLE
    return state


@inlined
def _entries(p: Parameters) -> tuple[int, int, int, int, int]:
    """Return the entries of each queue, in the order of their numbers."""
    return p.load_queue, p.locked_in_flight, p.branches, p.calls, p.results


def _widths(p: Parameters) -> int:
    """Return how many rows, accesses, stores and fetched rows the widths look back at."""
    return p.width + p.access_width + p.store_width + p.fetches * p.fetch_width


@hot
def save_state(p: Parameters, w: Window, reach: Reach, out: Ints) -> None:
    """Write the state into ``out``, whose length is that of :func:`state_length`."""
    now = w.now[0]
    zero = now.cycle
    _save_carried(p, zero, now, out)
    at = _CARRIED
    for i in range(p.miss_registers):
        out[at + i] = max(w.misses[i] - zero, 0)
    at += p.miss_registers
    for back in range(1, p.rob + 1):
        slot = (now.row - back) & (RING - 1)
        out[at] = max(w.rows[slot].retires - zero, -TICKS_PER_CYCLE)
        # Ports that a row had before now matter to no younger row.
        has_them = (w.rows[slot].issued >> GROUP_BITS) > zero
        out[at + 1] = w.rows[slot].issued - (zero << GROUP_BITS) if has_them else _NONE
        out[at + 2] = max(w.rows[slot].asked - zero, 0) if has_them else 0
        at += 3
    for queue, entries in enumerate(_entries(p)):
        for back in range(1, entries + 1):
            out[at] = max(w.queues[queue, (w.entered[queue] - back) & (RING - 1)] - zero, 0)
            at += 1
    for back in range(1, p.store_queue + 1):
        entry = (now.store - back) & (RING - 1)
        drains = w.stores[entry].drains - zero
        out[at] = max(drains, 0)
        out[at + 1] = w.stores[entry].drain_cause if drains > 0 else 0
        at += 2
    for back in range(1, p.in_flight + 1):
        out[at] = max(w.atomics[(now.atomics - back) & (RING - 1)] - zero, 0)
        at += 1
    for back in range(1, p.fetches * p.fetch_queue + 1):
        dispatched = w.rows[(now.row - back) & (RING - 1)].dispatched
        out[at] = max(dispatched, now.fetched) - zero
        at += 1
    at = _save_widths(p, w, out, at)
    _save_data(p, w, reach, out, at)


@inlined
def _save_carried(p: Parameters, zero: int, now: Now, out: Ints) -> None:
    """Write the single numbers of the state; :func:`_load_carried` reads them in the same order."""
    out[0] = now.retired - zero
    # Fetch looks further back than dispatch.
    out[1] = max(now.redirect - zero, min(now.fetched - zero, 0) if p.fetches else 0)
    out[2] = now.redirect_cause if now.redirect > zero else 0
    out[3] = max(now.fence - zero, 0)
    out[4] = now.fence_cause if now.fence > zero else 0
    out[5] = max(now.drained - zero, 0)
    out[6] = now.drained_cause if now.drained > zero else 0
    out[7] = max(now.tlbi_free - zero, 0)
    out[8] = now.tlbi_pending
    out[_ATOMIC_BEGAN] = max(now.atomic_began - zero, -p.line_change)
    out[10] = now.fetched - zero if p.fetches else 0
    out[11] = max(now.lock_done - zero, 0)
    out[12] = max(now.loaded - zero, 0) if not (p.locked_alone or p.locked_oldest) else 0
    hides = now.retired - now.freed <= atomics_apart(p)
    out[_FREED] = now.freed - zero if hides else LONG_AGO
    out[14] = now.hidden if hides else 0


@inlined
def _load_carried(zero: int, now: Now, state: Ints) -> None:
    now.cycle = zero
    now.retired = state[0] + zero
    now.redirect = state[1] + zero
    now.redirect_cause = state[2]
    now.fence = state[3] + zero
    now.fence_cause = state[4]
    now.drained = state[5] + zero
    now.drained_cause = state[6]
    now.tlbi_free = state[7] + zero
    now.tlbi_pending = state[8]
    now.atomic_began = state[_ATOMIC_BEGAN] + zero
    now.fetched = state[10] + zero
    now.lock_done = state[11] + zero
    now.loaded = state[12] + zero
    now.freed = state[_FREED] + zero
    now.hidden = state[14]


@inlined
def _save_data(p: Parameters, w: Window, reach: Reach, out: Ints, at: int) -> None:
    """Write what rows of the same execution look back at: inputs, lines and stored data."""
    now = w.now[0]
    zero = now.cycle
    longest = max(p.forward, p.value, p.cas, p.acquire)
    for back in range(1, reach.rows + 1):
        slot = (now.row - back) & (RING - 1)
        out[at] = max(w.rows[slot].done - zero, 0)
        arrives = w.rows[slot].arrives - zero
        out[at + 1] = max(arrives, 0)
        out[at + 2] = w.rows[slot].arrival_class if arrives > 0 else 0
        at += 3
    for back in range(1, reach.entries + 1):
        entry = (now.store - back) & (RING - 1)
        waits = w.stores[entry].drains > zero
        out[at] = max(w.stores[entry].known - zero, -longest) if waits else _NONE
        out[at + 1] = w.stores[entry].forwards if waits else _NONE
        at += 2
    for stream in range(reach.streams):
        for back in range(1, reach.requests + 1):
            request = (w.requested[stream] - back) & (REQUEST_RING - 1)
            out[at] = max(w.requests[stream, request] - zero, -p.stream_gap)
            at += 1


@hot
def restore_state(p: Parameters, w: Window, state: Ints) -> None:
    """Set a window to a state without reach: it knows no rows, entries or requests of a program."""
    now = w.now[0]
    # Later than all that is known of ports: they are then all free.
    zero = (max(now.latest, now.cycle) // WORD_TICKS + 1) * WORD_TICKS
    _load_carried(zero, now, state)
    at = _CARRIED
    for i in range(p.miss_registers):
        w.misses[i] = state[at + i] + zero
    at += p.miss_registers
    for back in range(p.rob, 0, -1):  # the oldest has the ports first
        slot = (now.row - back) & (RING - 1)
        of_row = at + 3 * (back - 1)
        w.rows[slot].retires = state[of_row] + zero
        w.rows[slot].issued = NO_ISSUE
        if state[of_row + 1] != _NONE:
            w.rows[slot].issued = state[of_row + 1] + (zero << GROUP_BITS)
            w.rows[slot].asked = state[of_row + 2] + zero
            _take_again(slot, p, w)
    at += 3 * p.rob
    for queue, entries in enumerate(_entries(p)):
        for back in range(1, entries + 1):
            w.queues[queue, (w.entered[queue] - back) & (RING - 1)] = state[at] + zero
            at += 1
    for back in range(1, p.store_queue + 1):
        entry = (now.store - back) & (RING - 1)
        w.stores[entry].drains = state[at] + zero
        w.stores[entry].drain_cause = state[at + 1]
        at += 2
    for back in range(1, p.in_flight + 1):
        w.atomics[(now.atomics - back) & (RING - 1)] = state[at] + zero
        at += 1
    for back in range(1, p.fetches * p.fetch_queue + 1):
        w.rows[(now.row - back) & (RING - 1)].dispatched = state[at] + zero
        at += 1

    _load_widths(p, w, zero, state, at)


@inlined
def _save_widths(p: Parameters, w: Window, out: Ints, at: int) -> int:
    """Write when the last rows were dispatched and fetched; return the position behind them.

    A cycle ago is long ago; fetch, where it lags, still asks when older rows left its queue.
    """
    now = w.now[0]
    zero = now.cycle
    oldest = (min(now.fetched, zero) if p.fetches else zero) - TICKS_PER_CYCLE
    for back in range(1, p.width + 1):
        out[at] = max(w.rows[(now.row - back) & (RING - 1)].dispatched, oldest) - zero
        at += 1
    for back in range(1, p.access_width + 1):
        out[at] = max(w.accessed[(now.accesses - back) & (RING - 1)], oldest) - zero
        at += 1
    for back in range(1, p.store_width + 1):
        out[at] = max(w.stores[(now.store - back) & (RING - 1)].dispatched, oldest) - zero
        at += 1
    for back in range(1, p.fetches * p.fetch_width + 1):
        out[at] = max(
            w.rows[(now.row - back) & (RING - 1)].fetched - zero,
            min(now.fetched - zero, 0) - TICKS_PER_CYCLE,
        )
        at += 1
    return at


@inlined
def _load_widths(p: Parameters, w: Window, zero: int, state: Ints, at: int) -> None:
    now = w.now[0]
    for back in range(1, p.width + 1):
        w.rows[(now.row - back) & (RING - 1)].dispatched = state[at] + zero
        at += 1
    for back in range(1, p.access_width + 1):
        w.accessed[(now.accesses - back) & (RING - 1)] = state[at] + zero
        at += 1
    for back in range(1, p.store_width + 1):
        w.stores[(now.store - back) & (RING - 1)].dispatched = state[at] + zero
        at += 1
    for back in range(1, p.fetches * p.fetch_width + 1):
        w.rows[(now.row - back) & (RING - 1)].fetched = state[at] + zero
        at += 1


@inlined
def _take_again(slot: int, p: Parameters, w: Window) -> None:
    """Take the ports of a row that has them in the future, when a state is restored."""
    end = w.rows[slot].issued >> GROUP_BITS
    group = w.rows[slot].issued & ((1 << GROUP_BITS) - 1)
    take_until(w.rows[slot].asked, end, group, p, w.ports)
    w.now[0].latest = max(w.now[0].latest, end)
