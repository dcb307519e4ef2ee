"""When the data of a memory access are there: lines, prefetches, forwarding, miss registers."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import CAUSES, Cause
from costmodel.cpu.starting import start, wait
from costmodel.cpu.window import (
    ARRIVAL_CLASS,
    ARRIVES,
    BODY_CAUSE,
    DATA,
    DRAIN_CAUSE,
    DRAINS,
    FENCE,
    FENCE_CAUSE,
    FINISH,
    FORWARDS,
    LOADING,
    REQUEST_RING,
    RING,
    ROW,
    START,
    STORE,
    TAIL,
    TAIL_CAUSE,
    Costs,
    Window,
)
from costmodel.jit import inlined

_L2 = int(Cause.L2)
_PREFETCH = int(Cause.PREFETCH)
_TLB = int(Cause.TLB)
_MISS_REGISTERS = int(Cause.MISS_REGISTERS)
_STORE_FORWARD = int(Cause.STORE_FORWARD)


@inlined
def start_access(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Start a load once barriers let it and, beyond the L1, a miss register is free."""
    now = w.now
    at = max(ready, now[FENCE])
    wait(at - ready, now[FENCE_CAUSE], now)
    if costs.misses[row[c.CLASS]] and w.misses[0] > at:
        wait(w.misses[0] - at, _MISS_REGISTERS, now)
        at = w.misses[0]
    start(at, LOADING, p.load_ports, w)


@inlined
def fetch(row: c.Row, p: Parameters, costs: Costs, w: Window) -> int:
    """Return when the line's data reach the core, for an access that starts at START."""
    now = w.now
    at = now[START] + costs.page[row[c.PAGE]]
    kind = row[c.CLASS]
    data: int = at + costs.access[kind]
    cause = CAUSES + kind
    if row[c.PREFETCHED]:
        stream = row[c.STREAM]
        request = (w.requested[stream] - row[c.PREFETCHED]) & (REQUEST_RING - 1)
        arrival = w.requests[stream, request]
        covered = max(at + p.l2, arrival)
        if covered < data:
            data = covered
            cause = _PREFETCH if arrival > at + p.l2 else _L2
    slot = now[ROW] & (RING - 1)
    arrives, arrival_class = data, cause
    if row[c.TOUCH]:
        older = (now[ROW] - row[c.TOUCH]) & (RING - 1)
        if w.rows[ARRIVES, older] > data:
            data = w.rows[ARRIVES, older]
            cause = w.rows[ARRIVAL_CLASS, older]
        if costs.misses[kind]:
            arrives, arrival_class = data, cause
        else:
            arrives, arrival_class = w.rows[ARRIVES, older], w.rows[ARRIVAL_CLASS, older]
    w.rows[ARRIVES, slot] = arrives
    w.rows[ARRIVAL_CLASS, slot] = arrival_class
    if row[c.STARTS]:
        _prefetch(row, at + costs.access[kind], p, w)
    now[TAIL_CAUSE] = cause
    now[BODY_CAUSE] = _TLB
    now[TAIL] = data - at
    return data


@inlined
def _prefetch(row: c.Row, earliest: int, p: Parameters, w: Window) -> None:
    """Request lines ahead of a stream; they arrive no faster than the machine streams."""
    stream = row[c.STREAM]
    follows = row[c.FOLLOWS]
    for _ in range(row[c.STARTS]):
        arrival = earliest
        if follows:
            before = w.requests[stream, (w.requested[stream] - 1) & (REQUEST_RING - 1)]
            arrival = max(arrival, before + p.prefetch_gap)
        w.requests[stream, w.requested[stream] & (REQUEST_RING - 1)] = arrival
        w.requested[stream] += 1
        follows = 1


@inlined
def forwarded(row: c.Row, data: int, p: Parameters, w: Window) -> int:
    """Return when the data are there, given that an older store may still hold them."""
    now = w.now
    back = row[c.MEMORY]
    if not back:
        return data
    entry = (now[STORE] - back) & (RING - 1)
    if w.stores[DRAINS, entry] <= now[START]:
        return data
    if w.stores[FORWARDS, entry]:
        hit = now[START] + p.l1
        data = max(hit, w.stores[DATA, entry] + p.forward)
        now[TAIL] = data - now[START]
        now[TAIL_CAUSE] = _STORE_FORWARD
        return data
    drained: int = w.stores[DRAINS, entry] + p.l1
    if drained <= data:
        return data
    now[TAIL] = drained - now[START]
    now[TAIL_CAUSE] = w.stores[DRAIN_CAUSE, entry]
    return drained


@inlined
def hold_register(row: c.Row, costs: Costs, w: Window) -> None:
    """Hold a miss register until the row is done."""
    if not costs.misses[row[c.CLASS]] or w.now[FINISH] <= w.misses[0]:
        return
    done = w.now[FINISH]
    i = 0
    while i + 1 < len(w.misses) and w.misses[i + 1] < done:
        w.misses[i] = w.misses[i + 1]
        i += 1
    w.misses[i] = done
