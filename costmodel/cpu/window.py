"""What is in flight in the out-of-order window, as arrays that compiled code works on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.cpu.parameters import Parameters
from costmodel.cpu.prefetch import STREAMS
from costmodel.cpu.reuse import Ints

RING = 8192
"""Rows, loads, stores and requests that are remembered: twice the largest window."""
REQUEST_RING = 512
"""Requests of a stream that are remembered: twice the deepest prefetcher."""
PORT_RING = 1 << 16
"""Cycles ahead of dispatch in which ports are counted."""

# Rows of Window.rows
DONE, ARRIVES, ARRIVAL_CLASS, RETIRES, ISSUED = range(5)
# Rows of Window.stores
DATA, DRAINS, FORWARDS, DRAIN_CAUSE = range(4)
# Elements of Window.now
(
    CYCLE, SLOTS, RETIRED, RETIRING, REDIRECT, REDIRECT_CAUSE, FENCE, FENCE_CAUSE, DRAINED,
    DRAINED_CAUSE, TLBI_FREE, TLBI_PENDING, ATOMIC_BEGAN, ROW, LOAD, STORE, LATEST,
    FRONT_CAUSE, START, FINISH, WAITED, WAIT_CAUSE, TAIL, TAIL_CAUSE, BODY_CAUSE, ARRIVAL,
) = range(26)  # fmt: skip
NOW = 26
CARRIED = 13
"""The first elements of ``now`` are what younger micro-ops depend on."""
BROADCASTS, BROADCAST_TICKS = 0, 1
COUNTERS = 2
"""Elements of ``totals`` before the stack, which is by cause and then by class of access."""
ALU, BRANCH, LOADING, STORING = range(4)

NO_ISSUE = -1
"""In ``rows[ISSUED]``: the row uses no port."""


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

    rows: Ints
    loads: Ints
    stores: Ints
    requests: Ints
    """By stream: when its requests arrive, as a ring."""
    requested: Ints
    """By stream: how many requests it made."""
    misses: Ints
    """When the youngest misses are done, ascending; as many as there are miss registers."""
    ports: Ints
    """By class and cycle: cycle number and starts, packed."""
    now: Ints


def new_window(parameters: Parameters) -> Window:
    """Return an empty window."""
    window = Window(
        rows=np.zeros((5, RING), np.int64),
        loads=np.zeros(RING, np.int64),
        stores=np.zeros((4, RING), np.int64),
        requests=np.zeros((STREAMS, REQUEST_RING), np.int64),
        requested=np.zeros(STREAMS, np.int64),
        misses=np.zeros(parameters.miss_registers, np.int64),
        ports=np.full((4, PORT_RING), -1, np.int64),
        now=np.zeros(NOW, np.int64),
    )
    window.rows[ISSUED] = NO_ISSUE
    window.now[ATOMIC_BEGAN] = -parameters.line_change
    return window
