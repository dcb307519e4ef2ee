"""The contents of the out-of-order window, as arrays that compiled code works on."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.prefetch import STREAMS
from costmodel.jit import inlined

RING = 8192
"""How many rows, loads and stores are remembered: twice the largest window."""
REQUEST_RING = 512
"""How many requests of a stream are remembered: twice the deepest prefetcher."""
WORD_TICKS = 48
"""For how many ticks one number says whether a port is taken."""
PORT_WORDS = 1 << 14
"""How many such stretches are remembered."""
PORTS = 5 * 16 + 32
"""The most ports that a machine file can have, with its address units: no index is checked."""


class Now:
    """The progress of the window, and the row that is being computed; times are absolute ticks.

    Younger rows depend on the fields up to ``hidden``, which :mod:`costmodel.cpu.state` keeps.
    """

    cycle: int
    """When the youngest row was dispatched."""
    retired: int
    """When the youngest row retired."""
    redirect: int
    """Nothing is dispatched before this time, because of a mispredicted branch or a barrier."""
    redirect_cause: int
    fence: int
    """No load starts before this time."""
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
    fetched: int
    """When the youngest row was fetched; after a taken branch, when the next one can be."""
    lock_done: int
    """When the youngest locked operation that is not alone is done."""
    loaded: int
    """When all older loads are done."""
    freed: int
    """When the youngest arm64 atomic of this table retired that waited for an older one."""
    hidden: int
    """Ticks that the width was charged since then."""
    row: int
    """The number of this row: how many there were so far."""
    accesses: int
    """How many loads and stores there were so far."""
    store: int
    """How many entries of the store queue were taken so far."""
    atomics: int
    """How many arm64 atomics there were so far."""
    latest: int
    """The latest tick so far up to which a port is taken."""
    front_cause: int
    """The cause that delayed the dispatch of this row."""
    start: int
    finish: int
    waited: int
    """Ticks between its inputs being done and its start."""
    wait_cause: int
    tail: int
    """The row's own latency."""
    tail_cause: int
    body_cause: int
    """The cause that the time before the tail is charged to."""
    arrival: int
    """When the line that the row stores to is in the L1."""
    known: int
    """When younger loads can take the data that it stores."""
    held: int
    """The time until which its miss register is occupied at least."""


class WindowRow:
    """What younger rows have to know about a row: an entry of ``Window.rows``."""

    dispatched: int
    fetched: int
    done: int
    arrives: int
    """When its line arrives; 0 where the line is there."""
    arrival_class: int
    """What the wait for the line is charged to: an index into ``totals`` behind the counters."""
    retires: int
    asked: int
    """When it asked for its ports."""
    issued: int
    """When it had them for a cycle, and their group, packed; ``NO_ISSUE`` where it uses none."""


class StoreEntry:
    """An entry of the store queue."""

    dispatched: int
    known: int
    """When loads can have the data: from where the store has them, or else from the L1."""
    drains: int
    forwards: int
    """1 where younger loads can take the data from it."""
    drain_cause: int


BROADCASTS, BROADCAST_TICKS = 0, 1
COUNTERS = 2
"""Elements of ``totals`` before the stack, which is by cause and then by class of access."""
ALU, BRANCH, LOADING, STORING, MULTIPLY, ADDRESS, LOCKING = range(7)
"""Groups of ports. Loads and stores share address units; a multiplication takes an ALU as well; a
locked operation takes the ports of a load, and ALUs."""
GROUP_BITS = 3
LOADS, LOCKS, BRANCHES, CALLS, RESULTS = range(5)
"""Queues whose entries are taken at dispatch and free again at retirement. Limits of what is in
flight are such queues, too."""
QUEUES = 5

LONG_AGO = -(1 << 40)
"""A time before everything else."""
NO_ISSUE = -1
"""The value of ``WindowRow.issued`` for a row that uses no port."""


class Costs(NamedTuple):
    """The costs of a program's classes on a machine; times are ticks."""

    access: Ints
    """Load-to-use latency, by class of access."""
    misses: NDArray[np.uint8]
    """1 where the access goes beyond the L1, by class of access."""
    holds: Ints
    """Least time for which a miss register is occupied, by class of access."""
    gaps: Ints
    """Time between two lines of a prefetched stream, by class of access."""
    page: Ints
    """Time that the TLB adds, by class of page."""


class Window(NamedTuple):
    """Everything in flight, mostly in rings; times are absolute ticks."""

    rows: MutableSequence[WindowRow]
    """The youngest rows, a ring indexed by the number of the row."""
    accessed: Ints
    """When each load or store was dispatched, a ring."""
    queues: Ints
    """When each entry of each queue is free again, [queues, ring]."""
    entered: Ints
    """How many entries of each queue were taken so far."""
    stores: MutableSequence[StoreEntry]
    """The entries of the store queue, a ring."""
    atomics: Ints
    """When each arm64 atomic is finished, a ring."""
    requests: Ints
    """When the prefetch requests of each stream arrive, [streams, ring]."""
    requested: Ints
    """How many requests each stream made so far."""
    misses: Ints
    """When the youngest misses are done, ascending; as many as there are miss registers."""
    ports: Ints
    """When ports are taken, see :mod:`costmodel.cpu.issue`."""
    now: MutableSequence[Now]
    """One record: the progress of the window."""


@inlined
def atomics_apart(p: Parameters) -> int:
    """Return the ticks between the ends of two arm64 atomics that nothing else holds up.

    What retires in between is hidden behind the younger one: that it retires in a burst, as fast as
    the width allows, costs nothing.
    """
    near: int = max(p.store_only, p.line_change)
    return max(near, p.far_trip) if p.far else near


def records(fields: type, count: int) -> Any:
    """Return ``count`` records of integers, all 0, whose fields numba and numpy access by name."""
    names = [(name, np.int64) for name in fields.__annotations__]
    return np.zeros(count, np.dtype(names, align=True)).view(np.recarray)


def new_window(miss_registers: int) -> Window:
    """Return a window in which nothing is in flight."""
    rows, now = records(WindowRow, RING), records(Now, 1)
    stores = records(StoreEntry, RING)
    rows.issued = NO_ISSUE
    rows.dispatched = rows.fetched = rows.retires = stores.dispatched = LONG_AGO
    now.atomic_began = now.freed = LONG_AGO
    return Window(
        rows=rows,
        accessed=np.full(RING, LONG_AGO, np.int64),
        queues=np.zeros((QUEUES, RING), np.int64),
        entered=np.zeros(QUEUES, np.int64),
        stores=stores,
        atomics=np.zeros(RING, np.int64),
        requests=np.zeros((STREAMS, REQUEST_RING), np.int64),
        requested=np.zeros(STREAMS, np.int64),
        misses=np.zeros(miss_registers, np.int64),
        ports=np.zeros(PORT_WORDS * (1 + PORTS), np.int64),
        now=now,
    )
