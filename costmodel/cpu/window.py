"""What is in flight in the out-of-order window, as arrays that compiled code works on."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.cpu.prefetch import STREAMS
from costmodel.cpu.reuse import Ints

RING = 8192
"""Rows, loads, stores and requests that are remembered: twice the largest window."""
REQUEST_RING = 512
"""Requests of a stream that are remembered: twice the deepest prefetcher."""
PORT_RING = 1 << 16
"""Cycles ahead of dispatch in which ports are counted."""


class Now:
    """Where the window stands, and the row that is being settled. Times are absolute ticks.

    The fields up to ``atomic_began`` are what younger rows depend on: what
    :mod:`costmodel.cpu.state` keeps.
    """

    cycle: int
    """Cycle of the youngest dispatch."""
    slots: int
    """Rows dispatched in that cycle."""
    retired: int
    """Cycle of the youngest retirement."""
    retiring: int
    """Rows that retire in that cycle."""
    redirect: int
    """Nothing is dispatched before: a mispredict or a barrier ends then."""
    redirect_cause: int
    fence: int
    """No load starts before."""
    fence_cause: int
    drained: int
    """When the youngest entry leaves the store queue."""
    drained_cause: int
    tlbi_free: int
    """When the youngest TLBI has left the core."""
    tlbi_pending: int
    """1 where a TLBI waits for its DSB."""
    atomic_began: int
    """When the youngest arm64 atomic began to update its line."""
    row: int
    """Rows so far: the number of this one."""
    load: int
    """Entries of the load queue so far."""
    store: int
    """Entries of the store queue so far."""
    latest: int
    """Latest start so far."""
    front_cause: int
    """What held back the dispatch of this row."""
    start: int
    finish: int
    waited: int
    """Ticks between its inputs being done and its start."""
    wait_cause: int
    tail: int
    """Its own latency."""
    tail_cause: int
    body_cause: int
    """What is charged for the time before the tail."""
    arrival: int
    """When the line that it posts to is in the L1."""


class WindowRow:
    """What younger rows have to know about one: a place of ``Window.rows``."""

    done: int
    arrives: int
    """When its line arrives, 0 where it is there."""
    arrival_class: int
    """What the wait for that is charged to, as an element of ``totals`` behind the counters."""
    retires: int
    issued: int
    """Its start and its group of ports, packed; ``NO_ISSUE``: it uses none."""


class StoreEntry:
    """A place of the store queue."""

    known: int
    """When the data are known."""
    drains: int
    forwards: int
    """1 where loads can take the data from it."""
    drain_cause: int


BROADCASTS, BROADCAST_TICKS = 0, 1
COUNTERS = 2
"""Elements of ``totals`` before the stack, which is by cause and then by class of access."""
ALU, BRANCH, LOADING, STORING = range(4)

LONG_AGO = -(1 << 40)
"""A time that is behind everything."""
NO_ISSUE = -1
"""In ``WindowRow.issued``: the row uses no port."""


class Costs(NamedTuple):
    """What a machine makes of the classes of one program."""

    access: Ints
    """Load to use, by class of access."""
    misses: NDArray[np.uint8]
    """1 where a class goes beyond the L1."""
    page: Ints
    """Added by the TLB, by class of page."""


class Window(NamedTuple):
    """Everything in flight. Times are absolute ticks."""

    rows: MutableSequence[WindowRow]
    """A ring by number of the row."""
    loads: Ints
    """A ring by entry of the load queue: when it is free again."""
    stores: MutableSequence[StoreEntry]
    """A ring by entry of the store queue."""
    requests: Ints
    """By stream: when its requests arrive, as a ring."""
    requested: Ints
    """By stream: how many requests it made."""
    misses: Ints
    """When the youngest misses are done, ascending; as many as there are miss registers."""
    ports: Ints
    """By class and cycle: cycle number and starts, packed."""
    now: MutableSequence[Now]
    """One record."""


def _records(fields: type, count: int) -> Any:
    """Return records of whole numbers, all 0: what numba and numpy both can ask for by name."""
    names = [(name, np.int64) for name in fields.__annotations__]
    return np.zeros(count, np.dtype(names, align=True)).view(np.recarray)


def new_window(miss_registers: int) -> Window:
    """Return a window in which nothing is in flight."""
    rows, now = _records(WindowRow, RING), _records(Now, 1)
    rows.issued = NO_ISSUE
    now.atomic_began = LONG_AGO
    return Window(
        rows=rows,
        loads=np.zeros(RING, np.int64),
        stores=_records(StoreEntry, RING),
        requests=np.zeros((STREAMS, REQUEST_RING), np.int64),
        requested=np.zeros(STREAMS, np.int64),
        misses=np.zeros(miss_registers, np.int64),
        ports=np.full((4, PORT_RING), -1, np.int64),
        now=now,
    )
