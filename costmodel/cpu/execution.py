"""Computes when a micro-op of each kind starts and is done, and what delays it."""

from __future__ import annotations

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.issue import ready_at, redirect, start, wait
from costmodel.cpu.memory import fetch, forwarded, free_register, hold_register
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    ALU,
    BRANCH,
    BROADCAST_TICKS,
    BROADCASTS,
    LOADING,
    LOCKING,
    MULTIPLY,
    NO_ISSUE,
    RING,
    STORING,
    Costs,
    Now,
    Window,
)
from costmodel.jit import inlined
from costmodel.units import TICKS_PER_CYCLE

_DEPENDENCY = int(Cause.DEPENDENCY)
_MISPREDICT = int(Cause.BRANCH_MISPREDICT)
_ATOMIC = int(Cause.ATOMIC)
_LOCKED = int(Cause.LOCKED)
_BARRIER = int(Cause.BARRIER)
_TLBI = int(Cause.TLBI)
_ZEROING = int(Cause.ZEROING)
_SYSTEM = int(Cause.SYSTEM)
_MISS_REGISTERS = int(Cause.MISS_REGISTERS)
_IS_BRANCH = c.flags(c.BRANCHES)


@inlined
def execute(row: c.Row, op: int, p: Parameters, costs: Costs, w: Window, totals: Ints) -> None:
    """Set start, finish and the causes of delay of a row in ``w.now``."""
    now = w.now[0]
    w.rows[now.row & (RING - 1)].issued = NO_ISSUE
    now.waited = 0
    now.tail_cause = _DEPENDENCY
    now.body_cause = _DEPENDENCY
    now.tail = 0
    ready = ready_at(row, w)
    if op == c.OP_ALU or (op == c.OP_MOVE and not p.moves_free):
        start(ready, ALU, p, w)
        now.finish = now.start + TICKS_PER_CYCLE
    elif op == c.OP_LOAD:
        _load(row, ready, p, costs, w)
    elif _IS_BRANCH[op]:
        _branch(row, op, ready, p, w)
    elif op == c.OP_MOVE:
        now.start = now.finish = ready
    elif op == c.OP_SLOT or op == c.OP_IMMEDIATE or op == c.OP_ZERO_IDIOM:
        _constant(op, p, w)
    elif op == c.OP_STORE or op == c.OP_RMW_STORE or op == c.OP_ZERO_LINE:
        _post(row, op, ready, p, costs, w)
    elif op == c.OP_LOCKED:
        if p.locked_alone:
            _lock_alone(row, ready, p, costs, w)
        else:
            _lock_that_lets_pass(row, ready, p, costs, w)
    elif op == c.OP_RMW_VALUE or op == c.OP_RMW_CAS or op == c.OP_RMW_ACQUIRE:
        _atomic(row, op, ready, p, costs, w)
    elif op == c.OP_PREFETCH:
        _prefetch(row, ready, p, costs, w)
    elif op == c.OP_MUL:
        start(ready, MULTIPLY, p, w)
        now.finish = now.start + p.mul
    elif op == c.OP_SYSTEM:
        start(ready, ALU, p, w)
        now.finish = now.start + p.system
        now.tail_cause = now.body_cause = _SYSTEM
    else:
        _order(row, op, ready, p, w, totals)


@inlined
def _branch(row: c.Row, op: int, ready: int, p: Parameters, w: Window) -> None:
    now = w.now[0]
    start(ready, BRANCH, p, w)
    now.finish = now.start + TICKS_PER_CYCLE
    if row[c.REDIRECTS] == c.INDIRECT:
        if p.indirect:
            redirect(now.finish + p.indirect, _MISPREDICT, now)
    elif row[c.REDIRECTS] == c.MISPREDICTED or (op == c.OP_RETURN and p.returns_mispredict):
        redirect(now.finish + p.mispredict, _MISPREDICT, now)


@inlined
def _constant(op: int, p: Parameters, w: Window) -> None:
    """Execute a micro-op without inputs, which takes a slot only, or an ALU as well."""
    now = w.now[0]
    if (op == c.OP_IMMEDIATE and not p.immediates_free) or (
        op == c.OP_ZERO_IDIOM and not p.zeros_free
    ):
        start(now.cycle, ALU, p, w)
        now.finish = now.start + TICKS_PER_CYCLE
    else:
        now.start = now.finish = now.cycle


@inlined
def _load(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    now = w.now[0]
    start_access(row, ready, p, costs, w)
    data = fetch(row, now.start, p, costs, w)
    now.finish = forwarded(row, data, p.l1, p.forward, w)
    now.loaded = max(now.loaded, now.finish)
    hold_register(row, now.finish, costs, w)


@inlined
def _prefetch(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Execute a prefetch: nothing waits for its line, no fence orders it; done once issued."""
    now = w.now[0]
    free = free_register(row, ready, costs, w)
    wait(free - ready, _MISS_REGISTERS, now)
    start(free, LOADING, p, w)
    data = fetch(row, now.start, p, costs, w)
    hold_register(row, data, costs, w)
    now.finish = now.start + TICKS_PER_CYCLE
    now.tail = 0
    now.body_cause = _DEPENDENCY


@inlined
def _atomic(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Execute an arm64 atomic with a result: a longer load; its write waits in the store queue."""
    now = w.now[0]
    latency = p.value if op == c.OP_RMW_VALUE else (p.cas if op == c.OP_RMW_CAS else p.acquire)
    start_access(row, ready, p, costs, w)
    data = fetch(row, now.start, p, costs, w) - p.l1 + latency
    # Its measured latency is that of a chain: from the data of an older store on, too.
    now.finish = forwarded(row, data, latency, latency, w)
    now.tail = latency
    now.body_cause = now.tail_cause
    now.tail_cause = _ATOMIC
    hold_register(row, now.finish, costs, w)
    if op == c.OP_RMW_ACQUIRE and now.finish > now.fence:
        now.fence = now.finish
        now.fence_cause = _ATOMIC


@inlined
def _lock_alone(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Execute an x86 locked operation that is alone.

    It starts as the oldest micro-op with the store queue drained, and younger loads wait for it.
    """
    now = w.now[0]
    ready = max(ready, now.retired)
    at = max(ready, now.drained)
    wait(at - ready, now.drained_cause, now)
    start(at, LOCKING, p, w)
    data = fetch(row, now.start, p, costs, w)
    now.finish = data - p.l1 + p.locked
    now.tail = p.locked
    now.body_cause = now.tail_cause
    now.tail_cause = _LOCKED
    hold_register(row, now.finish, costs, w)
    now.fence = now.finish
    now.fence_cause = _LOCKED


@inlined
def _lock_that_lets_pass(row: c.Row, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Execute an x86 locked operation that lets younger micro-ops pass.

    It begins as the oldest micro-op (``locked_oldest``), or else after all older loads and locked
    operations.
    """
    now = w.now[0]
    free = free_register(row, ready, costs, w)
    wait(free - ready, _MISS_REGISTERS, now)
    start(free, LOCKING, p, w)
    line = fetch(row, now.start, p, costs, w) - p.l1
    now.tail = p.locked
    now.body_cause = now.tail_cause
    begin = line
    if p.locked_oldest:
        begin = max(begin, now.retired)
        if now.drained > begin:
            begin, now.body_cause = now.drained, now.drained_cause
        again = _again(row, begin, p, w)
        if again > begin:
            begin, now.body_cause = again, _LOCKED
    else:
        if now.loaded > begin:
            begin, now.body_cause = now.loaded, _DEPENDENCY
        # Its own line, too, comes into the L1 only behind the older one.
        fill = p.l2 - p.l1 if costs.misses[row[c.CLASS]] else 0
        if now.lock_done + fill > begin:
            begin, now.body_cause = now.lock_done + fill, _LOCKED
        now.lock_done = begin + p.locked
    now.tail_cause = _LOCKED
    now.finish = begin + p.locked
    hold_register(row, line + p.l1, costs, w)


@inlined
def _again(row: c.Row, begin: int, p: Parameters, w: Window) -> int:
    """Return when a locked operation begins that could ``begin`` if no store wrote its word.

    Its load is refused while an older store of the word is in the queue, and tried again some time
    after that; one that can begin less than a cycle after that is not refused.
    """
    back = row[c.MEMORY]
    if not (p.locked_again and back):
        return begin
    drains: int = w.stores[(w.now[0].store - back) & (RING - 1)].drains
    if drains <= w.now[0].start or begin < drains + TICKS_PER_CYCLE:
        return begin
    return max(begin, drains + p.locked_again)


@inlined
def _post(row: c.Row, op: int, ready: int, p: Parameters, costs: Costs, w: Window) -> None:
    """Execute a store: it is done once address and data are known, and then requests its line."""
    now = w.now[0]
    start(ready, STORING, p, w)
    # Where memory is renamed, younger loads take the data from where the store has them.
    now.known = now.start if p.forward >= TICKS_PER_CYCLE else ready
    stays = op == c.OP_ZERO_LINE or (op == c.OP_RMW_STORE and p.far and not row[c.LINES])
    if stays:
        w.rows[now.row & (RING - 1)].arrives = 0
        now.arrival = 0
    else:
        data = fetch(row, free_register(row, now.start, costs, w), p, costs, w)
        hold_register(row, data, costs, w)
        now.arrival = data - p.l1
    now.finish = now.start + TICKS_PER_CYCLE
    now.tail = 0
    now.body_cause = _DEPENDENCY


@inlined
def _order(row: c.Row, op: int, ready: int, p: Parameters, w: Window, totals: Ints) -> None:
    """Execute a barrier, a TLBI or the clearing of a block, which start as the oldest row."""
    now = w.now[0]
    if op == c.OP_DMB:  # orders the store queue only
        now.start = now.finish = now.cycle
        return
    ready = max(ready, now.retired)
    at = ready
    if op == c.OP_DSB or op == c.OP_DSB_ALL:
        at = max(at, now.drained)
    wait(at - ready, now.drained_cause, now)
    start = now.start = at
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
    """Execute a TLBI: they leave one after the other, and on arm64 only a DSB waits for them."""
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
    """Start a load once no barrier holds it and, beyond the L1, a miss register is free."""
    now = w.now[0]
    at = max(ready, now.fence)
    wait(at - ready, now.fence_cause, now)
    free = free_register(row, at, costs, w)
    wait(free - at, _MISS_REGISTERS, now)
    start(free, LOADING, p, w)
