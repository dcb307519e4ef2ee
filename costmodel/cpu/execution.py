"""When a micro-op of each kind starts and is done, and why not earlier."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.memory import fetch, forwarded, hold_register, start_access
from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import Cause
from costmodel.cpu.starting import ready_at, redirect, start, up, wait
from costmodel.cpu.window import (
    ALU,
    ARRIVAL,
    ARRIVES,
    BODY_CAUSE,
    BRANCH,
    BROADCAST_TICKS,
    BROADCASTS,
    CYCLE,
    DRAINED,
    DRAINED_CAUSE,
    FENCE,
    FENCE_CAUSE,
    FINISH,
    ISSUED,
    LOADING,
    NO_ISSUE,
    RETIRED,
    RING,
    ROW,
    START,
    STORING,
    TAIL,
    TAIL_CAUSE,
    TLBI_FREE,
    TLBI_PENDING,
    WAITED,
    Costs,
    Window,
)
from costmodel.jit import inlined

_DEPENDENCY = int(Cause.DEPENDENCY)
_MISPREDICT = int(Cause.BRANCH_MISPREDICT)
_ATOMIC = int(Cause.ATOMIC)
_LOCKED = int(Cause.LOCKED)
_BARRIER = int(Cause.BARRIER)
_TLBI = int(Cause.TLBI)
_ZEROING = int(Cause.ZEROING)
_SYSTEM = int(Cause.SYSTEM)


@inlined
def execute(row: c.Row, op: int, p: Parameters, costs: Costs, w: Window, totals: Ints) -> None:
    """Settle when the row starts and is done, and why not earlier."""
    now = w.now
    w.rows[ISSUED, now[ROW] & (RING - 1)] = NO_ISSUE
    now[WAITED] = 0
    now[TAIL_CAUSE] = _DEPENDENCY
    now[BODY_CAUSE] = _DEPENDENCY
    now[TAIL] = 0
    ready = ready_at(row, w)
    if op == c.OP_ALU or (op == c.OP_MOVE and not p.moves_free):
        start(ready, ALU, p.alu_ports, w)
        now[FINISH] = now[START] + TICKS_PER_CYCLE
    elif op == c.OP_LOAD:
        _load(row, ready, p, costs, w)
    elif op == c.OP_BRANCH:
        start(ready, BRANCH, p.branch_ports, w)
        now[FINISH] = now[START] + TICKS_PER_CYCLE
        if row[c.MISPREDICTED]:
            redirect(now[FINISH] + p.mispredict, _MISPREDICT, now)
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
        start(ready, ALU, p.alu_ports, w)
        now[FINISH] = now[START] + (p.mul if op == c.OP_MUL else p.system)
        if op == c.OP_SYSTEM:
            now[TAIL_CAUSE] = now[BODY_CAUSE] = _SYSTEM
    else:
        _order(row, op, ready, p, w, totals)


@inlined
def _load(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    start_access(row, ready, p, costs, w)
    data = fetch(row, p, costs, w)
    w.now[FINISH] = forwarded(row, data, p, w)
    hold_register(row, costs, w)


@inlined
def _atomic(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """arm64 atomic with a result: a load that takes longer; its write waits in the store queue."""
    now = w.now
    latency = p.value if op == c.OP_RMW_VALUE else (p.cas if op == c.OP_RMW_CAS else p.acquire)
    start_access(row, ready, p, costs, w)
    data = fetch(row, p, costs, w)
    data = forwarded(row, data, p, w)
    now[FINISH] = data - p.l1 + latency
    now[TAIL] = latency
    now[BODY_CAUSE] = now[TAIL_CAUSE]
    now[TAIL_CAUSE] = _ATOMIC
    hold_register(row, costs, w)
    if op == c.OP_RMW_ACQUIRE and now[FINISH] > now[FENCE]:
        now[FENCE] = now[FINISH]
        now[FENCE_CAUSE] = _ATOMIC


@inlined
def _lock(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """x86 locked operation: alone as the oldest, store buffer empty, younger loads held back."""
    now = w.now
    ready = max(ready, now[RETIRED])
    at = max(ready, now[DRAINED])
    wait(at - ready, now[DRAINED_CAUSE], now)
    start(at, LOADING, p.load_ports, w)
    data = fetch(row, p, costs, w)
    now[FINISH] = data - p.l1 + p.locked
    now[TAIL] = p.locked
    now[BODY_CAUSE] = now[TAIL_CAUSE]
    now[TAIL_CAUSE] = _LOCKED
    hold_register(row, costs, w)
    now[FENCE] = now[FINISH]
    now[FENCE_CAUSE] = _LOCKED


@inlined
def _post(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Fire and forget: done once address and data are known; the line is requested then."""
    now = w.now
    start(ready, STORING, p.store_ports, w)
    stays = op == c.OP_ZERO_LINE or (op == c.OP_RMW_STORE and p.far and not row[c.LINES])
    if stays:
        w.rows[ARRIVES, now[ROW] & (RING - 1)] = 0
        now[ARRIVAL] = 0
    else:
        now[ARRIVAL] = fetch(row, p, costs, w) - p.l1
    now[FINISH] = now[START] + TICKS_PER_CYCLE
    now[TAIL] = 0
    now[BODY_CAUSE] = _DEPENDENCY


@inlined
def _order(row: c.Row, op: int, ready: int, p: Parameters, w: Window, totals: Ints) -> None:
    """Barriers, TLB maintenance and block clears: start as the oldest row."""
    now = w.now
    if op == c.OP_DMB:  # orders the store queue only
        now[START] = now[FINISH] = now[CYCLE]
        return
    ready = max(ready, now[RETIRED])
    at = ready
    if op == c.OP_DSB or op == c.OP_DSB_ALL:
        at = max(at, now[DRAINED])
    wait(at - ready, now[DRAINED_CAUSE], now)
    start = up(at)
    now[START] = start
    now[TAIL_CAUSE] = _BARRIER
    now[BODY_CAUSE] = _TLBI
    if op == c.OP_TLBI:
        _invalidate(p, now, totals)
    elif op == c.OP_ZERO_BLOCK:
        now[FINISH] = start + int(row[c.LINES]) * p.zero_line
        w.rows[ARRIVES, now[ROW] & (RING - 1)] = 0
        now[TAIL_CAUSE] = now[BODY_CAUSE] = _ZEROING
        redirect(now[FINISH], _ZEROING, now)
    elif op == c.OP_ISB:
        now[TAIL] = p.isb
        now[FINISH] = start + p.isb
        redirect(now[FINISH], _BARRIER, now)
    else:
        now[TAIL] = p.dsb
        now[FINISH] = start + p.dsb
        if op == c.OP_DSB_ALL and now[TLBI_PENDING]:
            now[FINISH] = max(start, now[TLBI_FREE]) + p.broadcast + p.dsb
            now[TLBI_PENDING] = 0
            totals[BROADCAST_TICKS] += now[FINISH] - start - p.dsb
        redirect(now[FINISH], _BARRIER, now)


@inlined
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
