"""Computes when the data of an access arrive: lines, prefetches, forwarding, miss registers."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import CAUSES, Cause
from costmodel.cpu.window import REQUEST_RING, RING, Costs, Window
from costmodel.jit import inlined

_L2 = int(Cause.L2)
_PREFETCH = int(Cause.PREFETCH)
_TLB = int(Cause.TLB)
_LOCKED = int(Cause.LOCKED)
_STORE_FORWARD = int(Cause.STORE_FORWARD)


@inlined
def fetch(row: c.Row, begins: int, p: Parameters, costs: Costs, w: Window) -> int:
    """Return the tick at which the line's data reach the core, for an access that ``begins``."""
    now = w.now[0]
    at = begins + costs.page[row[c.PAGE]]
    kind = row[c.CLASS]
    data: int = at + costs.access[kind]
    cause = CAUSES + kind
    now.held = at + costs.holds[kind]
    if row[c.PREFETCHED]:
        stream = row[c.STREAM]
        request = (w.requested[stream] - row[c.PREFETCHED]) & (REQUEST_RING - 1)
        arrival = w.requests[stream, request]
        covered = max(at + p.l2, arrival)
        if covered < data:
            data = covered
            now.held = 0
            cause = _PREFETCH if arrival > at + p.l2 else _L2
    if costs.misses[kind] and now.lock_done + p.l2 - p.l1 > data:
        # Behind a locked operation a line comes into the L1 only when that is done.
        data = now.lock_done + p.l2 - p.l1
        cause = _LOCKED
    slot = now.row & (RING - 1)
    arrives, arrival_class = data, cause
    if row[c.TOUCH]:
        older = (now.row - row[c.TOUCH]) & (RING - 1)
        if w.rows[older].arrives > data:
            data = w.rows[older].arrives
            cause = w.rows[older].arrival_class
        if costs.misses[kind]:
            arrives, arrival_class = data, cause
        else:
            arrives, arrival_class = w.rows[older].arrives, w.rows[older].arrival_class
    w.rows[slot].arrives = arrives
    w.rows[slot].arrival_class = arrival_class
    if row[c.STARTS]:
        _prefetch(row, at + costs.access[kind], costs.gaps[kind], w)
    now.tail_cause = cause
    now.body_cause = _TLB
    now.tail = data - at
    return data


@inlined
def _prefetch(row: c.Row, earliest: int, gap: int, w: Window) -> None:
    """Request lines ahead of a stream, which arrive at most at the machine's streaming rate."""
    stream = row[c.STREAM]
    follows = row[c.FOLLOWS]
    for _ in range(row[c.STARTS]):
        arrival = earliest
        if follows:
            before = w.requests[stream, (w.requested[stream] - 1) & (REQUEST_RING - 1)]
            arrival = max(arrival, before + gap)
        w.requests[stream, w.requested[stream] & (REQUEST_RING - 1)] = arrival
        w.requested[stream] += 1
        follows = 1


@inlined
def forwarded(row: c.Row, data: int, hit: int, takes: int, w: Window) -> int:
    """Return the tick at which the data arrive, if need be from an older store in the queue.

    ``hit`` is the latency where the L1 has the line, ``takes`` that from the store's data on.
    """
    now = w.now[0]
    back = row[c.MEMORY]
    if not back:
        return data
    entry = (now.store - back) & (RING - 1)
    if w.stores[entry].drains <= now.start:
        return data
    known: int = w.stores[entry].known
    if w.stores[entry].forwards:
        data = max(now.start + hit, known + takes)
        now.tail = data - now.start
        now.tail_cause = _STORE_FORWARD
        return data
    if known + hit <= data:
        return data
    now.tail = known + hit - now.start
    now.tail_cause = w.stores[entry].drain_cause
    return known + hit


@inlined
def hold_register(row: c.Row, until: int, costs: Costs, w: Window) -> None:
    """Occupy a miss register until the tick ``until``, or longer where the level needs longer."""
    until = max(until, w.now[0].held)
    if not costs.misses[row[c.CLASS]] or until <= w.misses[0]:
        return
    i = 0
    while i + 1 < len(w.misses) and w.misses[i + 1] < until:
        w.misses[i] = w.misses[i + 1]
        i += 1
    w.misses[i] = until


@inlined
def free_register(row: c.Row, at: int, costs: Costs, w: Window) -> int:
    """Return the tick at which an access that could begin ``at`` has a miss register, if needed."""
    return max(at, w.misses[0]) if costs.misses[row[c.CLASS]] else at
