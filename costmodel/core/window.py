"""The out-of-order window as one compiled loop: the fast twin of :mod:`costmodel.core.reference`.

Every micro-op is settled completely, in program order: when it is dispatched, starts, is done,
retires and (stores) drains. Nothing younger can change that, because ports and miss registers serve
the oldest first. What a younger micro-op has to know about older ones lies in rings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.core import columns as c
from costmodel.core.jit import hot
from costmodel.core.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.core.prefetch import STREAMS
from costmodel.core.reuse import Ints
from costmodel.core.stack import CAUSES, Cause

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
    DRAINED_CAUSE, TLBI_FREE, TLBI_PENDING, ROW, LOAD, STORE, LATEST,
    FRONT_CAUSE, START, FINISH, WAITED, WAIT_CAUSE, TAIL, TAIL_CAUSE, BODY_CAUSE, ARRIVAL,
) = range(25)  # fmt: skip
NOW = 25
CARRIED = 12
"""The first elements of ``now`` are what younger micro-ops depend on."""
BROADCASTS, BROADCAST_TICKS = 0, 1
COUNTERS = 2
"""Elements of ``totals`` before the stack, which is by cause and then by class of access."""
ALU, BRANCH, LOADING, STORING = range(4)

_NO_ISSUE = -1
_WIDTH = int(Cause.WIDTH)
_DEPENDENCY = int(Cause.DEPENDENCY)
_PORT = int(Cause.PORT)
_MISPREDICT = int(Cause.BRANCH_MISPREDICT)
_L2 = int(Cause.L2)
_PREFETCH = int(Cause.PREFETCH)
_TLB = int(Cause.TLB)
_MISS_REGISTERS = int(Cause.MISS_REGISTERS)
_STORE_FORWARD = int(Cause.STORE_FORWARD)
_STORE_BUFFER = int(Cause.STORE_BUFFER)
_ATOMIC = int(Cause.ATOMIC)
_LOCKED = int(Cause.LOCKED)
_BARRIER = int(Cause.BARRIER)
_TLBI = int(Cause.TLBI)
_ZEROING = int(Cause.ZEROING)
_SYSTEM = int(Cause.SYSTEM)


def _flags(members: tuple[int, ...]) -> NDArray[np.uint8]:
    flags = np.zeros(c.OPS, np.uint8)
    flags[list(members)] = 1
    return flags


_IS_LOAD = _flags(c.LOADS)
_IS_STORE = _flags(c.STORES)


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
    window.rows[ISSUED] = _NO_ISSUE
    return window


@hot
def advance(
    code: NDArray[np.int32], first: int, end: int, p: Parameters, costs: Costs, w: Window,
    totals: Ints,
) -> None:  # fmt: skip
    """Run the rows from ``first`` to ``end`` of a program; add their causes to ``totals``."""
    now = w.now
    for i in range(first, end):
        row = code[i]
        op = row[c.OP]
        _dispatch(op, p, w)
        _execute(row, op, p, costs, w, totals)
        _retire(p, now, totals)
        at = now[ROW] & (RING - 1)
        w.rows[DONE, at] = now[FINISH]
        w.rows[RETIRES, at] = now[RETIRED]
        now[ROW] += 1
        if _IS_LOAD[op]:
            w.loads[now[LOAD] & (RING - 1)] = now[RETIRED]
            now[LOAD] += 1
        if _IS_STORE[op]:
            _drain(row, op, p, w)


@hot
def _up(time: int) -> int:
    """Round up to a cycle."""
    return (time + (TICKS_PER_CYCLE - 1)) & -TICKS_PER_CYCLE


@hot
def _dispatch(op: int, p: Parameters, w: Window) -> None:
    """Give the row the first free slot once the ROB and its queues have room."""
    now = w.now
    at = now[CYCLE]
    cause = _WIDTH
    if now[REDIRECT] > at:
        at = now[REDIRECT]
        cause = now[REDIRECT_CAUSE]
    at = max(at, w.rows[RETIRES, (now[ROW] - p.rob) & (RING - 1)])
    if _IS_LOAD[op]:
        at = max(at, w.loads[(now[LOAD] - p.load_queue) & (RING - 1)])
    if _IS_STORE[op]:
        oldest = (now[STORE] - p.store_queue) & (RING - 1)
        if w.stores[DRAINS, oldest] > at:
            at = w.stores[DRAINS, oldest]
            cause = w.stores[DRAIN_CAUSE, oldest]
    if at > now[CYCLE]:
        now[CYCLE] = _up(at)
        now[SLOTS] = 0
    elif now[SLOTS] == p.width:
        now[CYCLE] += TICKS_PER_CYCLE
        now[SLOTS] = 0
    now[SLOTS] += 1
    now[FRONT_CAUSE] = cause


@hot
def _execute(
    row: NDArray[np.int32], op: int, p: Parameters, costs: Costs, w: Window, totals: Ints
) -> None:
    """Settle when the row starts and is done, and why not earlier."""
    now = w.now
    w.rows[ISSUED, now[ROW] & (RING - 1)] = _NO_ISSUE
    now[WAITED] = 0
    now[TAIL_CAUSE] = _DEPENDENCY
    now[BODY_CAUSE] = _DEPENDENCY
    now[TAIL] = 0
    ready = _ready(row, w)
    if op == c.OP_ALU or (op == c.OP_MOVE and not p.moves_free):
        _start(ready, ALU, p.alu_ports, w)
        now[FINISH] = now[START] + TICKS_PER_CYCLE
    elif op == c.OP_LOAD:
        _load(row, ready, p, costs, w)
    elif op == c.OP_BRANCH:
        _start(ready, BRANCH, p.branch_ports, w)
        now[FINISH] = now[START] + TICKS_PER_CYCLE
        if row[c.MISPREDICTED]:
            _redirect(now[FINISH] + p.mispredict, _MISPREDICT, now)
    elif op == c.OP_SLOT or op == c.OP_MOVE:
        now[START] = ready if op == c.OP_MOVE else now[CYCLE]
        now[FINISH] = now[START]
    elif op == c.OP_STORE or op == c.OP_RMW_STORE or op == c.OP_ZERO_LINE:
        _post(row, op, ready, p, costs, w)
    elif op == c.OP_LOCKED:
        _lock(row, ready, p, costs, w)
    elif op == c.OP_RMW_VALUE or op == c.OP_RMW_CAS or op == c.OP_RMW_ACQUIRE:
        _atomic(row, op, ready, p, costs, w)
    elif op == c.OP_MUL or op == c.OP_SYSTEM:
        _start(ready, ALU, p.alu_ports, w)
        now[FINISH] = now[START] + (p.mul if op == c.OP_MUL else p.system)
        if op == c.OP_SYSTEM:
            now[TAIL_CAUSE] = now[BODY_CAUSE] = _SYSTEM
    else:
        _order(row, op, ready, p, w, totals)


@hot
def _redirect(time: int, cause: int, now: Ints) -> None:
    """Let nothing younger dispatch before ``time``."""
    now[REDIRECT] = time
    now[REDIRECT_CAUSE] = cause


@hot
def _wait(ticks: int, cause: int, now: Ints) -> None:
    """Note that the row could have started earlier; what held it back more than all before wins."""
    if ticks > now[WAITED]:
        now[WAIT_CAUSE] = cause
    now[WAITED] += ticks


@hot
def _ready(row: NDArray[np.int32], w: Window) -> int:
    """Return when the row is dispatched and its inputs are done."""
    ready = w.now[CYCLE]
    for column in range(c.INPUT, c.INPUT + c.INPUTS):
        back = row[column]
        if back:
            ready = max(ready, w.rows[DONE, (w.now[ROW] - back) & (RING - 1)])
    return ready


@hot
def _start(ready: int, group: int, limit: int, w: Window) -> None:
    """Start in the first cycle from ``ready`` on in which a port of the group is free.

    Counting starts per cycle, not the next free time of a port: one that starts late leaves earlier
    cycles to younger rows.
    """
    now = w.now
    first = _up(ready) // TICKS_PER_CYCLE
    cycle = first
    if cycle - now[CYCLE] // TICKS_PER_CYCLE < PORT_RING:
        while True:
            at = cycle & (PORT_RING - 1)
            packed = w.ports[group, at]
            if packed >> 6 != cycle:
                w.ports[group, at] = (cycle << 6) | 1
                break
            if (packed & 63) < limit:
                w.ports[group, at] = packed + 1
                break
            cycle += 1
    now[START] = cycle * TICKS_PER_CYCLE
    _wait((cycle - first) * TICKS_PER_CYCLE, _PORT, now)
    now[LATEST] = max(now[LATEST], now[START])
    w.rows[ISSUED, now[ROW] & (RING - 1)] = (now[START] << 2) | group


@hot
def _start_access(row: NDArray[np.int32], ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Start a load once barriers let it and, beyond the L1, a miss register is free."""
    now = w.now
    at = max(ready, now[FENCE])
    _wait(at - ready, now[FENCE_CAUSE], now)
    if costs.misses[row[c.CLASS]] and w.misses[0] > at:
        _wait(w.misses[0] - at, _MISS_REGISTERS, now)
        at = w.misses[0]
    _start(at, LOADING, p.load_ports, w)


@hot
def _fetch(row: NDArray[np.int32], p: Parameters, costs: Costs, w: Window) -> int:
    """Return when the line's data reach the core, for an access that starts at START."""
    now = w.now
    at = now[START] + costs.page[row[c.PAGE]]
    kind = row[c.CLASS]
    data = at + costs.access[kind]
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


@hot
def _prefetch(row: NDArray[np.int32], earliest: int, p: Parameters, w: Window) -> None:
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


@hot
def _forwarded(row: NDArray[np.int32], data: int, p: Parameters, w: Window) -> int:
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
        forwarded = max(hit, w.stores[DATA, entry] + p.forward)
        now[TAIL] = forwarded - now[START]
        now[TAIL_CAUSE] = _STORE_FORWARD
        return forwarded
    drained = w.stores[DRAINS, entry] + p.l1
    if drained <= data:
        return data
    now[TAIL] = drained - now[START]
    now[TAIL_CAUSE] = w.stores[DRAIN_CAUSE, entry]
    return drained


@hot
def _miss(row: NDArray[np.int32], costs: Costs, w: Window) -> None:
    """Hold a miss register until the row is done."""
    if not costs.misses[row[c.CLASS]] or w.now[FINISH] <= w.misses[0]:
        return
    done = w.now[FINISH]
    i = 0
    while i + 1 < len(w.misses) and w.misses[i + 1] < done:
        w.misses[i] = w.misses[i + 1]
        i += 1
    w.misses[i] = done


@hot
def _load(row: NDArray[np.int32], ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    _start_access(row, ready, p, costs, w)
    data = _fetch(row, p, costs, w)
    w.now[FINISH] = _forwarded(row, data, p, w)
    _miss(row, costs, w)


@hot
def _atomic(
    row: NDArray[np.int32], op: int, ready: int, p: Parameters, costs: Costs, w: Window
) -> None:
    """arm64 atomic with a result: a load that takes longer; its write waits in the store queue."""
    now = w.now
    latency = p.value if op == c.OP_RMW_VALUE else (p.cas if op == c.OP_RMW_CAS else p.acquire)
    _start_access(row, ready, p, costs, w)
    data = _fetch(row, p, costs, w)
    data = _forwarded(row, data, p, w)
    now[FINISH] = data - p.l1 + latency
    now[TAIL] = latency
    now[BODY_CAUSE] = now[TAIL_CAUSE]
    now[TAIL_CAUSE] = _ATOMIC
    _miss(row, costs, w)
    if op == c.OP_RMW_ACQUIRE and now[FINISH] > now[FENCE]:
        now[FENCE] = now[FINISH]
        now[FENCE_CAUSE] = _ATOMIC


@hot
def _lock(row: NDArray[np.int32], ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """x86 locked operation: alone as the oldest, store buffer empty, younger loads held back."""
    now = w.now
    ready = max(ready, now[RETIRED])
    at = max(ready, now[DRAINED])
    _wait(at - ready, now[DRAINED_CAUSE], now)
    _start(at, LOADING, p.load_ports, w)
    data = _fetch(row, p, costs, w)
    now[FINISH] = data - p.l1 + p.locked
    now[TAIL] = p.locked
    now[BODY_CAUSE] = now[TAIL_CAUSE]
    now[TAIL_CAUSE] = _LOCKED
    _miss(row, costs, w)
    now[FENCE] = now[FINISH]
    now[FENCE_CAUSE] = _LOCKED


@hot
def _post(
    row: NDArray[np.int32], op: int, ready: int, p: Parameters, costs: Costs, w: Window
) -> None:
    """Fire and forget: done once address and data are known; the line is requested then."""
    now = w.now
    _start(ready, STORING, p.store_ports, w)
    stays = op == c.OP_ZERO_LINE or (op == c.OP_RMW_STORE and p.far and not row[c.LINES])
    if stays:
        w.rows[ARRIVES, now[ROW] & (RING - 1)] = 0
        now[ARRIVAL] = 0
    else:
        now[ARRIVAL] = _fetch(row, p, costs, w) - p.l1
    now[FINISH] = now[START] + TICKS_PER_CYCLE
    now[TAIL] = 0
    now[BODY_CAUSE] = _DEPENDENCY


@hot
def _order(
    row: NDArray[np.int32], op: int, ready: int, p: Parameters, w: Window, totals: Ints
) -> None:
    """Barriers, TLB maintenance and block clears: start as the oldest row."""
    now = w.now
    if op == c.OP_DMB:  # orders the store queue only
        now[START] = now[FINISH] = now[CYCLE]
        return
    ready = max(ready, now[RETIRED])
    at = ready
    if op == c.OP_DSB or op == c.OP_DSB_ALL:
        at = max(at, now[DRAINED])
    _wait(at - ready, now[DRAINED_CAUSE], now)
    start = _up(at)
    now[START] = start
    now[TAIL_CAUSE] = _BARRIER
    now[BODY_CAUSE] = _TLBI
    if op == c.OP_TLBI:
        _invalidate(p, now, totals)
    elif op == c.OP_ZERO_BLOCK:
        now[FINISH] = start + row[c.LINES] * p.zero_line
        w.rows[ARRIVES, now[ROW] & (RING - 1)] = 0
        now[TAIL_CAUSE] = now[BODY_CAUSE] = _ZEROING
        _redirect(now[FINISH], _ZEROING, now)
    elif op == c.OP_ISB:
        now[TAIL] = p.isb
        now[FINISH] = start + p.isb
        _redirect(now[FINISH], _BARRIER, now)
    else:
        now[TAIL] = p.dsb
        now[FINISH] = start + p.dsb
        if op == c.OP_DSB_ALL and now[TLBI_PENDING]:
            now[FINISH] = max(start, now[TLBI_FREE]) + p.broadcast + p.dsb
            now[TLBI_PENDING] = 0
            totals[BROADCAST_TICKS] += now[FINISH] - start - p.dsb
        _redirect(now[FINISH], _BARRIER, now)


@hot
def _invalidate(p: Parameters, now: Ints, totals: Ints) -> None:
    """TLBIs leave one after the other; arm64 does not wait for them before a DSB."""
    now[TLBI_FREE] = max(now[TLBI_FREE], now[START]) + p.tlbi_issue
    now[TAIL_CAUSE] = _TLBI
    if p.tlbi_posted:
        now[FINISH] = now[START] + TICKS_PER_CYCLE
        now[TLBI_PENDING] = 1
        totals[BROADCASTS] += 1
    else:
        now[FINISH] = now[TLBI_FREE]


@hot
def _retire(p: Parameters, now: Ints, totals: Ints) -> None:
    """Retire in order, and charge the time since the row before to its cause."""
    done = _up(now[FINISH])
    last = now[RETIRED]
    if done <= last:
        if now[RETIRING] < p.retire_width:
            now[RETIRING] += 1
        else:
            now[RETIRED] = last + TICKS_PER_CYCLE
            now[RETIRING] = 1
            totals[COUNTERS + _WIDTH] += TICKS_PER_CYCLE
        return
    now[RETIRED] = done
    now[RETIRING] = 1
    left = done - last
    # Dispatch and the one cycle that any operation takes are not the row's fault.
    front = min(left, max(0, now[CYCLE] + TICKS_PER_CYCLE - last))
    totals[COUNTERS + now[FRONT_CAUSE]] += front
    left -= front
    waited = min(left, now[WAITED])
    if waited > 0:
        totals[COUNTERS + now[WAIT_CAUSE]] += waited
        left -= waited
    tail = min(left, now[TAIL] + done - now[FINISH])
    totals[COUNTERS + now[TAIL_CAUSE]] += tail
    totals[COUNTERS + now[BODY_CAUSE]] += left - tail


@hot
def _drain(row: NDArray[np.int32], op: int, p: Parameters, w: Window) -> None:
    """Let the row's entry leave the store queue, in order, after retirement."""
    now = w.now
    begin = max(now[DRAINED], now[RETIRED])
    takes, cause = 0, _ATOMIC
    data, forwards = now[FINISH], 1
    if op == c.OP_STORE:
        begin = max(begin, now[ARRIVAL])
        takes, cause = p.store_drain, _STORE_BUFFER
        data = now[START]
    elif op == c.OP_LOCKED or op == c.OP_ZERO_BLOCK:
        begin = max(now[DRAINED], now[FINISH])
        cause = _LOCKED if op == c.OP_LOCKED else _ZEROING
    elif op == c.OP_RMW_STORE:
        begin = max(begin, now[ARRIVAL])
        takes = p.far_trip if p.far and not row[c.LINES] else p.store_only
        forwards = 0
    elif op == c.OP_DMB:
        takes, cause = p.dmb, _BARRIER
    elif op == c.OP_ZERO_LINE:
        takes, cause = row[c.LINES] * p.zero_line, _ZEROING
        forwards = 0
    else:
        takes = p.store_only
    if begin > now[DRAINED] or takes > p.store_drain:
        now[DRAINED_CAUSE] = cause  # else what was in front kept the queue busy
    now[DRAINED] = begin + takes
    entry = now[STORE] & (RING - 1)
    w.stores[DATA, entry] = data
    w.stores[DRAINS, entry] = now[DRAINED]
    w.stores[FORWARDS, entry] = forwards
    w.stores[DRAIN_CAUSE, entry] = now[DRAINED_CAUSE]
    now[STORE] += 1
