"""The out-of-order window as one compiled loop: the fast twin of :mod:`costmodel.cpu.reference`.

Every micro-op is settled completely, in program order: when it is dispatched, starts, is done,
retires and (stores) drains. Nothing younger can change that, because ports and miss registers serve
the oldest first. What a younger micro-op has to know about older ones lies in rings.
"""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.execution import execute
from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import Cause
from costmodel.cpu.starting import up
from costmodel.cpu.window import (
    ARRIVAL,
    ATOMIC_BEGAN,
    BODY_CAUSE,
    COUNTERS,
    CYCLE,
    DATA,
    DONE,
    DRAIN_CAUSE,
    DRAINED,
    DRAINED_CAUSE,
    DRAINS,
    FINISH,
    FORWARDS,
    FRONT_CAUSE,
    LOAD,
    REDIRECT,
    REDIRECT_CAUSE,
    RETIRED,
    RETIRES,
    RETIRING,
    RING,
    ROW,
    SLOTS,
    START,
    STORE,
    TAIL,
    TAIL_CAUSE,
    WAIT_CAUSE,
    WAITED,
    Costs,
    Window,
)
from costmodel.jit import hot, inlined

_WIDTH = int(Cause.WIDTH)
_STORE_BUFFER = int(Cause.STORE_BUFFER)
_ATOMIC = int(Cause.ATOMIC)
_LOCKED = int(Cause.LOCKED)
_BARRIER = int(Cause.BARRIER)
_ZEROING = int(Cause.ZEROING)


_IS_LOAD = c.flags(c.LOADS)
_IS_STORE = c.flags(c.STORES)


@hot
def advance(
    code: c.Code, first: int, end: int, p: Parameters, costs: Costs, w: Window,
    totals: Ints,
) -> None:  # fmt: skip
    """Run the rows from ``first`` to ``end`` of a program; add their causes to ``totals``."""
    now = w.now
    for i in range(first, end):
        row = code[i]
        op = row[c.OP]
        _dispatch(op, p, w)
        execute(row, op, p, costs, w, totals)
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


@inlined
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
        now[CYCLE] = up(at)
        now[SLOTS] = 0
    elif now[SLOTS] == p.width:
        now[CYCLE] += TICKS_PER_CYCLE
        now[SLOTS] = 0
    now[SLOTS] += 1
    now[FRONT_CAUSE] = cause


@inlined
def _retire(p: Parameters, now: Ints, totals: Ints) -> None:
    """Retire in order, and charge the time since the row before to its cause."""
    done = up(now[FINISH])
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


@inlined
def _turn(row: c.Row, ready: int, p: Parameters, now: Ints) -> int:
    """Return when an atomic begins to update: one line is locked at a time."""
    spacing = p.store_only if row[c.SAME_LINE] else p.line_change
    begin: int = max(ready, now[ATOMIC_BEGAN] + spacing)
    now[ATOMIC_BEGAN] = begin
    return begin


@inlined
def _drain(row: c.Row, op: int, p: Parameters, w: Window) -> None:
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
        begin = _turn(row, max(begin, now[ARRIVAL]), p, now)
        takes = p.far_trip if p.far and not row[c.LINES] else p.store_only
        forwards = 0
    elif op == c.OP_DMB:
        takes, cause = p.dmb, _BARRIER
    elif op == c.OP_ZERO_LINE:
        takes, cause = int(row[c.LINES]) * p.zero_line, _ZEROING
        forwards = 0
    else:
        begin = _turn(row, begin, p, now)
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
