"""When the data of an access arrive in the reference core: lines, prefetches, forwarding, miss
registers."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import simpy

from costmodel.cpu import columns as c
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.ports import Steps, Timed
from costmodel.cpu.reference_locks import writer_of
from costmodel.cpu.stack import CAUSES, Cause
from costmodel.units import TICKS_PER_CYCLE

if TYPE_CHECKING:
    from costmodel.cpu.reference_execution import Execution


class LineArrival(NamedTuple):
    """When the data of a line reach the core, how long that takes behind the page, and why.

    Its level is busy with it until ``held``.
    """

    data: int
    takes: int
    cause: int
    held: int


LineArrivals = Generator[simpy.Event, Any, LineArrival]


def line_arrival(core: Execution, op: MicroOp, begins: int) -> LineArrivals:
    """Fetch the line of an access that ``begins``."""
    row, costs = op.row, op.priced.costs
    at = begins + int(costs.page[row[c.PAGE]])
    access = int(costs.access[row[c.CLASS]])
    data, cause = at + access, CAUSES + int(row[c.CLASS])
    held = at + int(costs.holds[row[c.CLASS]])
    _request(core, op, at + access)
    if row[c.PREFETCHED]:
        stream = core.requests[id(op.priced), int(row[c.STREAM])]
        request = stream[core.requests_before[op.number] - row[c.PREFETCHED]]
        yield request | core.until(data)
        if request.triggered and max(at + core.p.l2, request.value) < data:
            data = max(at + core.p.l2, request.value)
            held = 0
            cause = Cause.PREFETCH if data > at + core.p.l2 else Cause.L2
    in_turn = not (core.p.locked_alone or core.p.locked_oldest)
    lock = core.lock_before[op.number] if in_turn else None
    if lock is not None and costs.misses[row[c.CLASS]]:
        filled = (yield lock.done) + core.p.l2 - core.p.l1
        if filled > data:
            data, cause = filled, Cause.LOCKED
    if row[c.TOUCH]:
        arrival, its_cause = yield core.ops[op.number - row[c.TOUCH]].arrives
        if arrival > data:
            data, cause = arrival, its_cause
    if not op.arrives.triggered and not _borrowed(core, op):
        op.arrives.succeed((data, cause))
    return LineArrival(data, data - at, cause, held)


def charged_line(core: Execution, op: MicroOp) -> LineArrivals:
    """Fetch the line of an access that has started, and charge its time to it."""
    line = yield from line_arrival(core, op, op.start)
    _charge(op, line)
    return line


def _charge(op: MicroOp, line: LineArrival) -> None:
    op.tail, op.tail_cause, op.body_cause = line.takes, line.cause, Cause.TLB


def load_data(core: Execution, op: MicroOp, line: simpy.Process, hit: int, takes: int) -> Timed:
    """Return the tick at which the data arrive, if need be from an older store.

    ``line`` fetches the line, ``hit`` is the latency in the L1, ``takes`` that from the store's
    data on. What is forwarded does not wait for the line.
    """
    store, p = writer_of(core, op), core.p
    gone = store is None or (store.drained.triggered and _time(store.drained) <= op.start)
    refuses = store is not None and store.op == c.OP_LOCKED and bool(p.locked_again)
    if store is None or gone or refuses or store.op in (c.OP_RMW_STORE, c.OP_ZERO_LINE):
        found: LineArrival = yield line
        _charge(op, found)
        data = found.data + hit - p.l1
        if store is None or gone:
            return data
        read: int = (yield store.drained) + (p.locked_again if refuses else 0) + hit
        if read > data:
            data = read
            op.tail, op.tail_cause = read - op.start, store.drain_cause
        return data
    stored = store.ready if p.forward < TICKS_PER_CYCLE else store.started  # memory is renamed
    known: int = yield stored if store.op == c.OP_STORE else store.done
    data = max(op.start + hit, known + takes)
    op.tail, op.tail_cause, op.body_cause = data - op.start, Cause.STORE_FORWARD, Cause.TLB
    return data


def _borrowed(core: Execution, op: MicroOp) -> bool:
    return bool(op.row[c.TOUCH]) and op.arrives is core.ops[op.number - op.row[c.TOUCH]].arrives


def _request(core: Execution, op: MicroOp, earliest: int) -> None:
    """Start the prefetches that this access triggers."""
    stream = core.requests[id(op.priced), int(op.row[c.STREAM])]
    first = core.requests_before[op.number]
    gap = int(op.priced.costs.gaps[op.row[c.CLASS]])
    for i in range(first, first + int(op.row[c.STARTS])):
        follows = i > first or bool(op.row[c.FOLLOWS])
        before = stream[i - 1] if follows else None
        core.env.process(_arrival(core, stream[i], earliest, before, gap))


def _arrival(
    core: Execution, request: simpy.Event, earliest: int, before: simpy.Event | None, gap: int
) -> Steps:
    arrival = earliest
    if before is not None:
        previous: int = yield before
        arrival = max(arrival, previous + gap)
    else:
        yield core.env.timeout(0)
    request.succeed(arrival)


def register_free_at(core: Execution, op: MicroOp, at: int) -> Timed:
    """Return when a miss register is free for a micro-op that could begin ``at``."""
    if not _misses(core, op):
        return at
    older = [miss for miss in core.missing if miss.number < op.number]
    older = [m for m in older if not m.released.triggered or _time(m.released) > at]
    free = len(older) - core.p.miss_registers + 1
    if free <= 0:
        return at
    while sum(m.released.triggered for m in older) < free:
        yield core.env.any_of([m.released for m in older if not m.released.triggered])
    return sorted(_time(m.released) for m in older if m.released.triggered)[free - 1]


def hold_register_until(core: Execution, op: MicroOp, until: int, line: LineArrival) -> None:
    """Hold the miss register until ``until``, or when the level can deliver the next line."""
    if _misses(core, op):
        core.env.process(_released(core, op, max(until, line.held)))


def hold_register_for_line(core: Execution, op: MicroOp, until: int, line: simpy.Process) -> Steps:
    """Hold the miss register as :func:`hold_register_until` does once the line is known."""
    found: LineArrival = yield line
    hold_register_until(core, op, until, found)


def _released(core: Execution, op: MicroOp, at: int) -> Steps:
    yield core.until(at)
    op.released.succeed(at)


def _misses(core: Execution, op: MicroOp) -> bool:
    return core.fetches(op) and bool(op.priced.costs.misses[op.row[c.CLASS]])


def _time(event: simpy.Event) -> int:
    """Return the tick at which an event happened."""
    tick: Any = event.value
    return int(tick)
