"""The reference core: front end, execution, retirement and store queue as SimPy processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import simpy

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.ports import Steps
from costmodel.cpu.reference_execution import Execution
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    BRANCHES,
    CALLS,
    COUNTERS,
    LOADS,
    LOCKS,
    LONG_AGO,
    QUEUES,
    RESULTS,
    atomics_apart,
)
from costmodel.units import TICKS_PER_CYCLE


class _Slots:
    """Gives out times in order: in any cycle so many in all, and of each further kind."""

    def __init__(self, *per_cycle: int) -> None:
        self.time = 0
        self.latest = [deque[int](maxlen=limit) for limit in per_cycle]

    def take(self, at: int, *kinds: bool, after: int = 0) -> int:
        """Take the first free time at or after ``at``, not before the last one, and return it.

        ``kinds`` tells which of the further kinds it is of; ``after`` is a delay that holds up
        all that comes later, too.
        """
        at = max(at, self.time)
        taken = [latest for latest, need in zip(self.latest, (True, *kinds), strict=True) if need]
        for latest in taken:
            if len(latest) == latest.maxlen:
                at = max(at, latest[0] + TICKS_PER_CYCLE)
        at += after
        for latest in taken:
            latest.append(at)
        self.time = at
        return at

    def pause(self, ticks: int) -> None:
        """Give out no time for some ticks."""
        self.time += ticks


class ReferenceCore(Execution):
    """Runs micro-ops when its SimPy environment is run; afterwards these have their times."""

    def __init__(
        self, env: simpy.Environment, parameters: Parameters, micro_ops: Sequence[MicroOp]
    ) -> None:
        """Prepare to run ``micro_ops``, in program order."""
        super().__init__(env, parameters, micro_ops)
        env.process(self._front_end())
        env.process(self._retire())
        env.process(self._drain())

    def _front_end(self) -> Steps:
        fetched = _Slots(self.p.fetch_width)
        dispatched = _Slots(self.p.width, self.p.access_width, self.p.store_width)
        redirect: MicroOp | None = None
        queues: dict[int, list[MicroOp]] = {queue: [] for queue in range(QUEUES)}
        stores = loads = 0
        for op in self.ops:
            room, resumed = dispatched.time, 0
            if redirect is not None:
                resumed = yield redirect.resumed
                if resumed > room:
                    room, op.front_cause = resumed, redirect.redirects or Cause.WIDTH
            if op.number >= self.p.rob:
                room = max(room, (yield self.ops[op.number - self.p.rob].retired))
            taken = self._queues_of(op)
            for queue, entries in taken.items():
                if queue != LOCKS and entries and len(queues[queue]) >= entries:
                    room = max(room, (yield queues[queue][-entries].retired))
            if op.is_store and stores >= self.p.store_queue:
                oldest = self.stores[stores - self.p.store_queue]
                drained = yield oldest.drained
                if drained > room:
                    room, op.front_cause = drained, oldest.drain_cause
            limit = taken.get(LOCKS, 0)
            if limit and len(queues[LOCKS]) >= limit:
                retired = yield queues[LOCKS][-limit].retired
                if retired > room:
                    room, op.front_cause = retired, Cause.LOCKED
            if self.p.fetches:
                at = self._fetched(op, fetched, resumed)
                if at > room:
                    room, op.front_cause = at, Cause.FETCH
            op.dispatch = dispatched.take(room, op.is_load or op.is_store, op.is_store)
            loads += op.is_load
            stores += op.is_store
            for queue in taken:
                queues[queue].append(op)
            yield self.until(op.dispatch)
            self.enter(op, loads - op.is_load)
            redirect = op if op.redirects is not None else redirect

    def _queues_of(self, op: MicroOp) -> dict[int, int]:
        """Return the size of each queue that a micro-op takes an entry of; 0 for no limit."""
        p, executed = self.p, op.op != c.OP_MOVE or not self.p.moves_free
        members = {
            LOADS: (c.LOADS, p.load_queue),
            LOCKS: ((c.OP_LOCKED,), p.locked_in_flight),
            BRANCHES: (c.BRANCHES, p.branches),
            CALLS: (c.CALLS, p.calls),
            RESULTS: (c.RESULTS if executed else (), p.results),
        }
        return {queue: entries for queue, (ops, entries) in members.items() if op.op in ops}

    def _fetched(self, op: MicroOp, fetched: _Slots, resumed: int) -> int:
        """Return when a micro-op is fetched."""
        behind = op.number - self.p.fetch_queue
        room = self.ops[behind].dispatch if behind >= 0 else 0
        thunk = self.p.ret if op.op == c.OP_RETURN else 0
        at = fetched.take(max(room, resumed), after=thunk)
        if op.op in c.TAKEN:
            slower = self.p.taken - self.p.taken_quickly
            follows = self.p.taken_quickly + slower * int(op.row[c.LINES]) // c.SLOW
            if op.op != c.OP_JUMP:
                follows = max(follows, self.p.call)
            fetched.pause(follows)
        return at

    # Retirement and store queue

    def _retire(self) -> Steps:
        slots = _Slots(self.p.retire_width)
        atomics = freed = hidden = 0
        for op in self.ops:
            yield op.done
            last = slots.time
            done = max(last, op.finish)
            late = 0
            if op.op in c.ATOMICS:
                if self.p.in_flight and atomics >= self.p.in_flight:
                    finished = yield self.atomics[atomics - self.p.in_flight].drained
                    late = max(0, finished - done)
                atomics += 1
            stack = self.totals(op)[COUNTERS:]
            self._charge(stack, op, last, done, late)
            if op.first:
                freed, hidden = LONG_AGO, 0
            hidden += int(stack[Cause.WIDTH])
            if late:
                if done + late - freed <= atomics_apart(self.p):
                    stack[Cause.WIDTH] -= hidden
                    stack[Cause.ATOMIC] += hidden
                freed, hidden = done + late, 0
            at = slots.take(done + late)
            stack[Cause.WIDTH] += at - done - late
            hidden += at - done - late
            yield self.until(at)
            op.retirement = at
            op.retired.succeed(at)

    def _charge(self, stack: Ints, op: MicroOp, last: int, done: int, late: int) -> None:
        """Charge the time since the micro-op before to the causes of this one."""
        stack[Cause.ATOMIC] += late
        left = done - last
        for cause, ticks in (
            (op.front_cause, max(0, op.dispatch + TICKS_PER_CYCLE - last)),
            (op.wait_cause, op.waited),
            (op.tail_cause, op.tail),
            (op.body_cause, left),
        ):
            stack[cause] += min(left, ticks)
            left -= min(left, ticks)

    def _drain(self) -> Steps:
        drained, began, cause = 0, -self.p.line_change, int(Cause.WIDTH)
        for op in self.stores:
            retired: int = yield op.retired
            begin, takes, own = max(drained, retired), self.p.store_only, Cause.ATOMIC
            if op.op in (c.OP_STORE, c.OP_RMW_STORE) and self.fetches(op):
                line: int = yield op.line_known
                begin = max(begin, line)
            if op.op == c.OP_STORE:
                takes = self.p.store_drain if op.row[c.SAME_LINE] else self.p.store_line_drain
                own = Cause.STORE_BUFFER
                begin = max(begin, retired + self.p.store_leaves)
            elif op.op in (c.OP_LOCKED, c.OP_ZERO_BLOCK):
                writes = self.p.locked_writes if op.op == c.OP_LOCKED else 0
                begin, takes = max(begin, op.finish + writes), 0
                own = Cause.LOCKED if op.op == c.OP_LOCKED else Cause.ZEROING
            elif op.op == c.OP_RMW_STORE:
                takes = self.p.store_only if self.fetches(op) else self.p.far_trip
            elif op.op == c.OP_DMB:
                takes, own = self.p.dmb, Cause.BARRIER
            elif op.op == c.OP_ZERO_LINE:
                takes, own = int(op.row[c.LINES]) * self.p.zero_line, Cause.ZEROING
            if op.op in c.ATOMICS:
                spacing = self.p.store_only if op.row[c.SAME_LINE] else self.p.line_change
                begin = began = max(begin, began + spacing)
            if begin > drained or takes > self.p.store_drain:
                cause = own
            drained = begin + takes
            op.drain_cause = cause
            yield self.until(drained)
            op.drained.succeed(drained)
