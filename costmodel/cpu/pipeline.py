"""The out-of-order window as one compiled loop: the fast twin of :mod:`costmodel.cpu.reference`.

All times of a micro-op are computed in program order: when it is dispatched, starts, is done,
retires and (a store) drains. Nothing younger can change them, because ports and miss registers
serve the oldest first. What younger micro-ops have to know about older ones is kept in rings.
"""

from __future__ import annotations

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.execution import execute
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    BRANCHES,
    CALLS,
    COUNTERS,
    LOADS,
    LOCKS,
    RESULTS,
    RING,
    Costs,
    Now,
    Window,
    atomics_apart,
)
from costmodel.jit import hot, inlined
from costmodel.units import TICKS_PER_CYCLE

_WIDTH = int(Cause.WIDTH)
_STORE_BUFFER = int(Cause.STORE_BUFFER)
_ATOMIC = int(Cause.ATOMIC)
_LOCKED = int(Cause.LOCKED)
_BARRIER = int(Cause.BARRIER)
_ZEROING = int(Cause.ZEROING)
_FETCH = int(Cause.FETCH)


_IS_LOAD = c.flags(c.LOADS)
_IS_STORE = c.flags(c.STORES)
_IS_ACCESS = c.flags((*c.LOADS, *c.STORES))
_IS_ATOMIC = c.flags(c.ATOMICS)
_IS_TAKEN = c.flags(c.TAKEN)
_IS_BRANCH = c.flags(c.BRANCHES)
_IS_CALL = c.flags(c.CALLS)
_IS_RESULT = c.flags(c.RESULTS)


@hot
def advance(
    code: c.Code, first: int, end: int, p: Parameters, costs: Costs, w: Window,
    totals: Ints,
) -> None:  # fmt: skip
    """Execute the rows from ``first`` to ``end`` of a program, and add their time to ``totals``.

    ``totals`` holds counters and then the ticks of each cause.
    """
    now = w.now[0]
    for i in range(first, end):
        row = code[i]
        op = row[c.OP]
        _dispatch(row, op, p, w)
        execute(row, op, p, costs, w, totals)
        _retire(op, p, w, totals)
        at = now.row & (RING - 1)
        w.rows[at].done = now.finish
        w.rows[at].retires = now.retired
        now.row += 1
        _enter(op, p, w)
        if _IS_STORE[op]:
            _drain(row, op, p, w)
        if _IS_ATOMIC[op]:
            w.atomics[now.atomics & (RING - 1)] = now.drained
            now.atomics += 1


@inlined
def _leaves(queue: int, entries: int, w: Window) -> int:
    """Return when the entry of a queue is free that the next row takes; 0 for no limit."""
    at: int = w.queues[queue, (w.entered[queue] - entries) & (RING - 1)]
    return at if entries else 0


@inlined
def _take(queue: int, entries: int, w: Window) -> None:
    """Take an entry of a queue until the row retires."""
    if entries:
        w.queues[queue, w.entered[queue] & (RING - 1)] = w.now[0].retired
        w.entered[queue] += 1


@inlined
def _takes_register(op: int, p: Parameters) -> bool:
    takes: bool = _IS_RESULT[op] and not (op == c.OP_MOVE and p.moves_free)
    return takes


@inlined
def _enter(op: int, p: Parameters, w: Window) -> None:
    """Take the entries of the row in all queues."""
    if _IS_LOAD[op]:
        _take(LOADS, p.load_queue, w)
        if op == c.OP_LOCKED:
            _take(LOCKS, p.locked_in_flight, w)
    elif _IS_BRANCH[op]:
        _take(BRANCHES, p.branches, w)
        if _IS_CALL[op]:
            _take(CALLS, p.calls, w)
    if _takes_register(op, p):
        _take(RESULTS, p.results, w)


@inlined
def _fetch(row: c.Row, op: int, p: Parameters, w: Window) -> int:
    """Return when the row is fetched: after those before it, once the fetch queue has room."""
    now = w.now[0]
    room = w.rows[(now.row - p.fetch_queue) & (RING - 1)].dispatched
    before = w.rows[(now.row - p.fetch_width) & (RING - 1)].fetched
    at: int = max(now.fetched, room, now.redirect, before + TICKS_PER_CYCLE)
    if op == c.OP_RETURN:
        at += p.ret  # the thunk runs before it; behind it a redirect would hide the time
    w.rows[now.row & (RING - 1)].fetched = at
    now.fetched = at
    if _IS_TAKEN[op]:
        follows = p.taken_quickly + (p.taken - p.taken_quickly) * row[c.LINES] // c.SLOW
        if _IS_CALL[op]:
            follows = max(follows, p.call)
        now.fetched = at + follows
    return at


@inlined
def _dispatch(row: c.Row, op: int, p: Parameters, w: Window) -> None:
    """Dispatch the row in the first free slot once the reorder buffer and its queues have room."""
    now = w.now[0]
    at = now.cycle
    cause = _WIDTH
    if now.redirect > at:
        at = now.redirect
        cause = now.redirect_cause
    at = max(at, w.rows[(now.row - p.rob) & (RING - 1)].retires)
    if _IS_LOAD[op]:
        at = max(at, _leaves(LOADS, p.load_queue, w))
    elif _IS_BRANCH[op]:
        at = max(at, _leaves(BRANCHES, p.branches, w))
        if _IS_CALL[op]:
            at = max(at, _leaves(CALLS, p.calls, w))
    if _takes_register(op, p):
        at = max(at, _leaves(RESULTS, p.results, w))
    if _IS_STORE[op]:
        oldest = (now.store - p.store_queue) & (RING - 1)
        if w.stores[oldest].drains > at:
            at = w.stores[oldest].drains
            cause = w.stores[oldest].drain_cause
    if op == c.OP_LOCKED:
        retires = _leaves(LOCKS, p.locked_in_flight, w)
        if retires > at:
            at = retires
            cause = _LOCKED
    if p.fetches:
        fetched = _fetch(row, op, p, w)
        if fetched > at:
            at = fetched
            cause = _FETCH
    # No more than the widths in any cycle, wherever it begins: whole cycles would round times.
    at = max(at, w.rows[(now.row - p.width) & (RING - 1)].dispatched + TICKS_PER_CYCLE)
    if _IS_ACCESS[op]:
        before = w.accessed[(now.accesses - p.access_width) & (RING - 1)]
        at = max(at, before + TICKS_PER_CYCLE)
        if _IS_STORE[op]:
            before = w.stores[(now.store - p.store_width) & (RING - 1)].dispatched
            at = max(at, before + TICKS_PER_CYCLE)
            w.stores[now.store & (RING - 1)].dispatched = at
        w.accessed[now.accesses & (RING - 1)] = at
        now.accesses += 1
    now.cycle = at
    now.front_cause = cause
    w.rows[now.row & (RING - 1)].dispatched = at


@inlined
def _retire(op: int, p: Parameters, w: Window, totals: Ints) -> None:
    """Retire the row in order, and charge the time since the row before to its cause."""
    now = w.now[0]
    last = now.retired
    done = max(last, now.finish)
    late = 0
    if _IS_ATOMIC[op] and p.in_flight:
        finished = w.atomics[(now.atomics - p.in_flight) & (RING - 1)]
        late = max(0, finished - done)
        done += late
    before = w.rows[(now.row - p.retire_width) & (RING - 1)].retires
    now.retired = max(done, before + TICKS_PER_CYCLE)
    width = totals[COUNTERS + _WIDTH]
    totals[COUNTERS + _ATOMIC] += late
    left = done - last - late
    # Dispatch and the one cycle that any operation takes are not the row's fault.
    front = min(left, max(0, now.cycle + TICKS_PER_CYCLE - last))
    totals[COUNTERS + now.front_cause] += front
    left -= front
    waited = min(left, now.waited)
    if waited > 0:
        totals[COUNTERS + now.wait_cause] += waited
        left -= waited
    tail = min(left, now.tail)
    totals[COUNTERS + now.tail_cause] += tail
    totals[COUNTERS + now.body_cause] += left - tail
    now.hidden += totals[COUNTERS + _WIDTH] - width
    if late > 0:
        if done - now.freed <= atomics_apart(p):
            totals[COUNTERS + _WIDTH] -= now.hidden
            totals[COUNTERS + _ATOMIC] += now.hidden
        now.freed = done
        now.hidden = 0
    totals[COUNTERS + _WIDTH] += now.retired - done
    now.hidden += now.retired - done


@inlined
def _turn(row: c.Row, ready: int, p: Parameters, now: Now) -> int:
    """Return when an atomic begins to update its line: only one line is locked at a time."""
    spacing = p.store_only if row[c.SAME_LINE] else p.line_change
    begin: int = max(ready, now.atomic_began + spacing)
    now.atomic_began = begin
    return begin


@inlined
def _drain(row: c.Row, op: int, p: Parameters, w: Window) -> None:
    """Let the row's entry leave the store queue, in order, after retirement."""
    now = w.now[0]
    begin = max(now.drained, now.retired)
    takes, cause = 0, _ATOMIC
    data, forwards = now.finish, 1
    if op == c.OP_STORE:
        begin = max(begin, now.retired + p.store_leaves, now.arrival)
        takes, cause = p.store_drain if row[c.SAME_LINE] else p.store_line_drain, _STORE_BUFFER
        data = now.known
    elif op == c.OP_LOCKED or op == c.OP_ZERO_BLOCK:
        cause = _ZEROING
        if op == c.OP_LOCKED:
            begin, cause = max(begin, now.finish + p.locked_writes), _LOCKED
            forwards = 0 if p.locked_again else 1
    elif op == c.OP_RMW_STORE:
        begin = _turn(row, max(begin, now.arrival), p, now)
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
    if begin > now.drained or takes > p.store_drain:
        now.drained_cause = cause  # else what was in front kept the queue busy
    now.drained = begin + takes
    if not forwards:
        data = now.drained + (p.locked_again if op == c.OP_LOCKED else 0)
    entry = now.store & (RING - 1)
    w.stores[entry].known = data
    w.stores[entry].drains = now.drained
    w.stores[entry].forwards = forwards
    w.stores[entry].drain_cause = now.drained_cause
    now.store += 1
