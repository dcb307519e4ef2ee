"""When x86 locked operations that let younger micro-ops pass begin in the reference core.

``begin`` is the tick at which the line is there, ``body`` the cause that the wait for it is charged
to. The functions return the tick at which the operation begins, and the cause of that wait.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from costmodel.cpu import columns as c
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.stack import Cause
from costmodel.units import TICKS_PER_CYCLE

if TYPE_CHECKING:
    from costmodel.cpu.reference_execution import Execution

Begins = Generator[simpy.Event, Any, tuple[int, int]]


def writer_of(core: Execution, op: MicroOp) -> MicroOp | None:
    """Return the older entry of the store queue that writes what a micro-op reads, if any."""
    if not op.row[c.MEMORY]:
        return None
    before = core.store_before[op.number]
    entries = 0 if before is None else core.entry[before.number] + 1
    return core.stores[entries - int(op.row[c.MEMORY])]


def oldest_begins(core: Execution, op: MicroOp, begin: int, body: int) -> Begins:
    """Begin after all older micro-ops, with the store queue drained."""
    if op.number:
        begin = max(begin, (yield core.ops[op.number - 1].retired))
    store = core.store_before[op.number]
    drained: int = 0 if store is None else (yield store.drained)
    if store is not None and drained > begin:
        begin, body = drained, store.drain_cause
    writer = writer_of(core, op)
    if core.p.locked_again and writer is not None:
        written: int = yield writer.drained
        again = written + core.p.locked_again
        if op.start < written and written + TICKS_PER_CYCLE <= begin < again:
            return again, Cause.LOCKED
    return begin, body


def turn_begins(core: Execution, op: MicroOp, begin: int, body: int) -> Begins:
    """Begin after older locked operations and older loads."""
    before = core.loads_before[op.number]
    # Older ones than these retired long ago.
    older = core.loads[max(0, before - (core.p.load_queue or core.p.rob)) : before]
    for load in (each for each in older if each.op == c.OP_LOAD):
        loaded: int = yield load.done
        if loaded > begin:
            begin, body = loaded, Cause.DEPENDENCY
    lock = core.lock_before[op.number]
    done: int = 0 if lock is None else (yield lock.done)
    if lock is not None and op.priced.costs.misses[op.row[c.CLASS]]:
        done += core.p.l2 - core.p.l1  # its line comes into the L1 only then
    return (done, Cause.LOCKED) if done > begin else (begin, body)
