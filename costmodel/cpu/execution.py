"""When a micro-op of each kind starts and is done, and why not earlier."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.memory import fetch, forwarded, hold_register
from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    ALU,
    BRANCH,
    BROADCAST_TICKS,
    BROADCASTS,
    LOADING,
    NO_ISSUE,
    PORT_RING,
    RING,
    STORING,
    Costs,
    Now,
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
_PORT = int(Cause.PORT)
_MISS_REGISTERS = int(Cause.MISS_REGISTERS)


@inlined
def execute(row: c.Row, op: int, p: Parameters, costs: Costs, w: Window, totals: Ints) -> None:
    """Settle when the row starts and is done, and why not earlier."""
    now = w.now[0]
    w.rows[now.row & (RING - 1)].issued = NO_ISSUE
    now.waited = 0
    now.tail_cause = _DEPENDENCY
    now.body_cause = _DEPENDENCY
    now.tail = 0
    ready = ready_at(row, w)
    if op == c.OP_ALU or (op == c.OP_MOVE and not p.moves_free):
        start(ready, ALU, p.alu_ports, w)
        now.finish = now.start + TICKS_PER_CYCLE
    elif op == c.OP_LOAD:
        _load(row, ready, p, costs, w)
    elif op == c.OP_BRANCH:
        start(ready, BRANCH, p.branch_ports, w)
        now.finish = now.start + TICKS_PER_CYCLE
        if row[c.MISPREDICTED]:
            redirect(now.finish + p.mispredict, _MISPREDICT, now)
    elif op == c.OP_SLOT or op == c.OP_MOVE:
        now.start = ready if op == c.OP_MOVE else now.cycle
        now.finish = now.start
    elif op == c.OP_STORE or op == c.OP_RMW_STORE or op == c.OP_ZERO_LINE:
        _post(row, op, ready, p, costs, w)
    elif op == c.OP_LOCKED:
        _lock(row, ready, p, costs, w)
    elif op == c.OP_RMW_VALUE or op == c.OP_RMW_CAS or op == c.OP_RMW_ACQUIRE:
        _atomic(row, op, ready, p, costs, w)
    elif op == c.OP_MUL or op == c.OP_SYSTEM:
        start(ready, ALU, p.alu_ports, w)
        now.finish = now.start + (p.mul if op == c.OP_MUL else p.system)
        if op == c.OP_SYSTEM:
            now.tail_cause = now.body_cause = _SYSTEM
    else:
        _order(row, op, ready, p, w, totals)


@inlined
def _load(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    start_access(row, ready, p, costs, w)
    data = fetch(row, p, costs, w)
    w.now[0].finish = forwarded(row, data, p, w)
    hold_register(row, costs, w)


@inlined
def _atomic(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """arm64 atomic with a result: a load that takes longer; its write waits in the store queue."""
    now = w.now[0]
    latency = p.value if op == c.OP_RMW_VALUE else (p.cas if op == c.OP_RMW_CAS else p.acquire)
    start_access(row, ready, p, costs, w)
    data = fetch(row, p, costs, w)
    data = forwarded(row, data, p, w)
    now.finish = data - p.l1 + latency
    now.tail = latency
    now.body_cause = now.tail_cause
    now.tail_cause = _ATOMIC
    hold_register(row, costs, w)
    if op == c.OP_RMW_ACQUIRE and now.finish > now.fence:
        now.fence = now.finish
        now.fence_cause = _ATOMIC


@inlined
def _lock(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """x86 locked operation: alone as the oldest, store buffer empty, younger loads held back."""
    now = w.now[0]
    ready = max(ready, now.retired)
    at = max(ready, now.drained)
    wait(at - ready, now.drained_cause, now)
    start(at, LOADING, p.load_ports, w)
    data = fetch(row, p, costs, w)
    now.finish = data - p.l1 + p.locked
    now.tail = p.locked
    now.body_cause = now.tail_cause
    now.tail_cause = _LOCKED
    hold_register(row, costs, w)
    now.fence = now.finish
    now.fence_cause = _LOCKED


@inlined
def _post(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Fire and forget: done once address and data are known; the line is requested then."""
    now = w.now[0]
    start(ready, STORING, p.store_ports, w)
    stays = op == c.OP_ZERO_LINE or (op == c.OP_RMW_STORE and p.far and not row[c.LINES])
    if stays:
        w.rows[now.row & (RING - 1)].arrives = 0
        now.arrival = 0
    else:
        now.arrival = fetch(row, p, costs, w) - p.l1
    now.finish = now.start + TICKS_PER_CYCLE
    now.tail = 0
    now.body_cause = _DEPENDENCY


@inlined
def _order(row: c.Row, op: int, ready: int, p: Parameters, w: Window, totals: Ints) -> None:
    """Barriers, TLB maintenance and block clears: start as the oldest row."""
    now = w.now[0]
    if op == c.OP_DMB:  # orders the store queue only
        now.start = now.finish = now.cycle
        return
    ready = max(ready, now.retired)
    at = ready
    if op == c.OP_DSB or op == c.OP_DSB_ALL:
        at = max(at, now.drained)
    wait(at - ready, now.drained_cause, now)
    start = up(at)
    now.start = start
    now.tail_cause = _BARRIER
    now.body_cause = _TLBI
    if op == c.OP_TLBI:
        _invalidate(p, now, totals)
    elif op == c.OP_ZERO_BLOCK:
        now.finish = start + int(row[c.LINES]) * p.zero_line
        w.rows[now.row & (RING - 1)].arrives = 0
        now.tail_cause = now.body_cause = _ZEROING
        redirect(now.finish, _ZEROING, now)
    elif op == c.OP_ISB:
        now.tail = p.isb
        now.finish = start + p.isb
        redirect(now.finish, _BARRIER, now)
    else:
        now.tail = p.dsb
        now.finish = start + p.dsb
        if op == c.OP_DSB_ALL and now.tlbi_pending:
            now.finish = max(start, now.tlbi_free) + p.broadcast + p.dsb
            now.tlbi_pending = 0
            totals[BROADCAST_TICKS] += now.finish - start - p.dsb
        redirect(now.finish, _BARRIER, now)


@inlined
def _invalidate(p: Parameters, now: Now, totals: Ints) -> None:
    """TLBIs leave one after the other; arm64 does not wait for them before a DSB."""
    now.tlbi_free = max(now.tlbi_free, now.start) + p.tlbi_issue
    now.tail_cause = _TLBI
    if p.tlbi_posted:
        now.finish = now.start + TICKS_PER_CYCLE
        now.tlbi_pending = 1
        totals[BROADCASTS] += 1
    else:
        now.finish = now.tlbi_free


@inlined
def start_access(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Start a load once barriers let it and, beyond the L1, a miss register is free."""
    now = w.now[0]
    at = max(ready, now.fence)
    wait(at - ready, now.fence_cause, now)
    if costs.misses[row[c.CLASS]] and w.misses[0] > at:
        wait(w.misses[0] - at, _MISS_REGISTERS, now)
        at = w.misses[0]
    start(at, LOADING, p.load_ports, w)


@inlined
def up(time: int) -> int:
    """Round up to a cycle."""
    return (time + (TICKS_PER_CYCLE - 1)) & -TICKS_PER_CYCLE


@inlined
def wait(ticks: int, cause: int, now: Now) -> None:
    """Note that the row could have started earlier; what held it back more than all before wins."""
    if ticks > now.waited:
        now.wait_cause = cause
    now.waited += ticks


@inlined
def ready_at(row: c.Row, w: Window) -> int:
    """Return when the row is dispatched and its inputs are done."""
    ready: int = w.now[0].cycle
    for column in range(c.INPUT, c.INPUT + c.INPUTS):
        back = row[column]
        if back:
            ready = max(ready, w.rows[(w.now[0].row - back) & (RING - 1)].done)
    return ready


@inlined
def start(ready: int, group: int, limit: int, w: Window) -> None:
    """Start in the first cycle from ``ready`` on in which a port of the group is free.

    Counting starts per cycle, not the next free time of a port: one that starts late leaves earlier
    cycles to younger rows.
    """
    now = w.now[0]
    first = up(ready) // TICKS_PER_CYCLE
    cycle = first
    if cycle - now.cycle // TICKS_PER_CYCLE < PORT_RING:
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
    now.start = cycle * TICKS_PER_CYCLE
    wait((cycle - first) * TICKS_PER_CYCLE, _PORT, now)
    now.latest = max(now.latest, now.start)
    w.rows[now.row & (RING - 1)].issued = (now.start << 2) | group


@inlined
def redirect(time: int, cause: int, now: Now) -> None:
    """Let nothing younger dispatch before ``time``."""
    now.redirect = time
    now.redirect_cause = cause
