"""The reference core: front end, execution, retirement and store queue as SimPy processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import simpy

from costmodel.cpu import columns as c
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.ports import Ports, Steps, Timed
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import CAUSES, Cause
from costmodel.cpu.window import BROADCAST_TICKS, BROADCASTS, COUNTERS


def next_cycle(time: float) -> int:
    """Round up to a cycle."""
    return -(-int(time) // TICKS_PER_CYCLE) * TICKS_PER_CYCLE


_ATOMICS = (c.OP_RMW_STORE, c.OP_RMW_VALUE, c.OP_RMW_CAS, c.OP_RMW_ACQUIRE)


class ReferenceCore:
    """Runs micro-ops when the environment is run; afterwards they know their times."""

    def __init__(
        self, env: simpy.Environment, parameters: Parameters, micro_ops: Sequence[MicroOp]
    ) -> None:
        """Prepare to run ``micro_ops``, in program order."""
        self.env = env
        self.p = parameters
        self.ops = micro_ops
        self.loads = [op for op in micro_ops if op.is_load]
        self.stores = [op for op in micro_ops if op.is_store]
        self.entry = {op.number: i for i, op in enumerate(self.stores)}
        self.alu = Ports(env, parameters.alu_ports)
        self.branch = Ports(env, parameters.branch_ports)
        self.load = Ports(env, parameters.load_ports)
        self.store = Ports(env, parameters.store_ports)
        self.fences: list[MicroOp] = []
        self.missing: dict[int, MicroOp] = {}
        self.last_store: MicroOp | None = None
        self.store_before: dict[int, MicroOp | None] = {}
        self.requests: dict[tuple[int, int], list[simpy.Event]] = defaultdict(list)
        self.requests_before: dict[int, int] = {}
        self.tlbi_free = 0
        self.tlbi_pending = False
        self.counts: dict[int, Ints] = {}
        env.process(self._front_end())
        env.process(self._retire())
        env.process(self._drain())

    def totals(self, op: MicroOp) -> Ints:
        """Return counters and stack of one micro-op, as the fast engine lays them out."""
        if op.number not in self.counts:
            length = COUNTERS + CAUSES + len(op.priced.weights)
            self.counts[op.number] = np.zeros(length, np.int64)
        return self.counts[op.number]

    def _until(self, time: float) -> simpy.Event:
        return self.env.timeout(max(0, time - self.env.now))

    # Front end

    def _front_end(self) -> Steps:
        cycle, slots = 0, 0
        redirect: MicroOp | None = None
        stores = loads = 0
        for op in self.ops:
            room = cycle
            if redirect is not None:
                resumed: int = yield redirect.resumed
                if resumed > room:
                    room, op.front_cause = resumed, redirect.redirects or Cause.WIDTH
            if op.number >= self.p.rob:
                room = max(room, (yield self.ops[op.number - self.p.rob].retired))
            if op.is_load and loads >= self.p.load_queue:
                room = max(room, (yield self.loads[loads - self.p.load_queue].retired))
            if op.is_store and stores >= self.p.store_queue:
                oldest = self.stores[stores - self.p.store_queue]
                drained = yield oldest.drained
                if drained > room:
                    room, op.front_cause = drained, oldest.drain_cause
            if room > cycle:
                cycle, slots = next_cycle(room), 0
            elif slots == self.p.width:
                cycle, slots = cycle + TICKS_PER_CYCLE, 0
            slots += 1
            loads += op.is_load
            stores += op.is_store
            yield self._until(cycle)
            op.dispatch = cycle
            self._enter(op)
            redirect = op if op.redirects is not None else redirect

    def _enter(self, op: MicroOp) -> None:
        """Do what has to be done in program order, then let the micro-op go its way."""
        self.store_before[op.number] = self.last_store
        if op.is_store:
            self.last_store = op
        if op.misses:
            self.missing[op.number] = op
        if op.row[c.MISPREDICTED]:
            op.redirects = Cause.BRANCH_MISPREDICT
        elif op.op in (c.OP_DSB, c.OP_DSB_ALL, c.OP_ISB):
            op.redirects = Cause.BARRIER
        elif op.op == c.OP_ZERO_BLOCK:
            op.redirects = Cause.ZEROING
        self._enter_memory(op)
        self.env.process(self._execute(op, [fence for fence in self.fences]))
        self.fences = [fence for fence in self.fences if not fence.done.triggered]
        if op.op in (c.OP_LOCKED, c.OP_RMW_ACQUIRE):
            self.fences.append(op)

    def _enter_memory(self, op: MicroOp) -> None:
        """Name the line and the prefetch requests of the micro-op."""
        if self._fetches(op):
            older = self.ops[op.number - op.row[c.TOUCH]] if op.row[c.TOUCH] else None
            if older is not None and not op.priced.costs.misses[op.row[c.CLASS]]:
                op.arrives = older.arrives  # it hits a line that somebody else fetched
            stream = self.requests[id(op.priced), int(op.row[c.STREAM])]
            self.requests_before[op.number] = len(stream)
            stream.extend(self.env.event() for _ in range(op.row[c.STARTS]))
        else:
            op.arrives.succeed((0, Cause.WIDTH))

    def _fetches(self, op: MicroOp) -> bool:
        if op.op == c.OP_RMW_STORE:
            return not (self.p.far and not op.row[c.LINES])
        return op.op in (
            c.OP_LOAD, c.OP_STORE, c.OP_LOCKED, c.OP_RMW_VALUE, c.OP_RMW_CAS, c.OP_RMW_ACQUIRE
        )  # fmt: skip

    # Execution

    def _execute(self, op: MicroOp, fences: list[MicroOp]) -> Steps:
        for column in range(c.INPUT, c.INPUT + c.INPUTS):
            if op.row[column]:
                yield self.ops[op.number - op.row[column]].done
        kind = op.op
        if kind in (c.OP_LOAD, c.OP_RMW_VALUE, c.OP_RMW_CAS, c.OP_RMW_ACQUIRE):
            yield from self._access(op, fences)
        elif kind == c.OP_LOCKED:
            yield from self._locked(op)
        elif kind in (c.OP_STORE, c.OP_RMW_STORE, c.OP_ZERO_LINE):
            yield from self._post(op)
        elif kind in (c.OP_DSB, c.OP_DSB_ALL, c.OP_ISB, c.OP_TLBI, c.OP_ZERO_BLOCK):
            yield from self._in_order(op)
        else:
            yield from self._compute(op)
        yield self._until(op.finish)
        op.done.succeed(op.finish)
        self.missing.pop(op.number, None)
        if op.redirects is not None:
            if op.redirects == Cause.BRANCH_MISPREDICT:
                yield self.env.timeout(self.p.mispredict)
            op.resumed.succeed(int(self.env.now))

    def _begin(self, op: MicroOp, ports: Ports) -> Steps:
        """Start on a port."""
        ready = next_cycle(self.env.now)
        yield from ports.start(op)
        op.start = int(self.env.now)
        op.wait(op.start - ready, Cause.PORT)
        op.started.succeed(op.start)

    def _compute(self, op: MicroOp) -> Steps:
        kind = op.op
        if kind in (c.OP_SLOT, c.OP_DMB) or (kind == c.OP_MOVE and self.p.moves_free):
            op.start = op.finish = int(self.env.now) if kind == c.OP_MOVE else op.dispatch
            return
        yield from self._begin(op, self.branch if kind == c.OP_BRANCH else self.alu)
        latency = {c.OP_MUL: self.p.mul, c.OP_SYSTEM: self.p.system}.get(kind, TICKS_PER_CYCLE)
        op.finish = op.start + latency
        if kind == c.OP_SYSTEM:
            op.tail_cause = op.body_cause = Cause.SYSTEM

    def _access(self, op: MicroOp, fences: list[MicroOp]) -> Steps:
        ready = int(self.env.now)
        for fence in fences:
            yield fence.done
        if fences:
            locked = fences[-1].op == c.OP_LOCKED
            op.wait(int(self.env.now) - ready, Cause.LOCKED if locked else Cause.ATOMIC)
        ready = int(self.env.now)
        while op.misses:
            older = [miss.done for number, miss in self.missing.items() if number < op.number]
            if len(older) < self.p.miss_registers:
                break
            yield self.env.any_of(older)
        op.wait(int(self.env.now) - ready, Cause.MISS_REGISTERS)
        yield from self._begin(op, self.load)
        data = yield from self._fetch(op)
        data = yield from self._forwarded(op, data)
        latencies = {
            c.OP_RMW_VALUE: self.p.value, c.OP_RMW_CAS: self.p.cas, c.OP_RMW_ACQUIRE: self.p.acquire
        }  # fmt: skip
        op.finish = data
        if op.op in latencies:
            self._atomic(op, data, latencies[op.op], Cause.ATOMIC)

    def _atomic(self, op: MicroOp, data: int, latency: int, cause: Cause) -> None:
        op.finish = data - self.p.l1 + latency
        op.tail, op.body_cause, op.tail_cause = latency, op.tail_cause, cause

    def _locked(self, op: MicroOp) -> Steps:
        yield from self._oldest_and_drained(op)
        yield from self._begin(op, self.load)
        data = yield from self._fetch(op)
        self._atomic(op, data, self.p.locked, Cause.LOCKED)

    def _oldest(self, op: MicroOp) -> Steps:
        if op.number:
            yield self.ops[op.number - 1].retired

    def _oldest_and_drained(self, op: MicroOp) -> Steps:
        yield from self._oldest(op)
        ready = int(self.env.now)
        store = self.store_before[op.number]
        if store is not None:
            yield store.drained
            op.wait(int(self.env.now) - ready, store.drain_cause)

    def _fetch(self, op: MicroOp) -> Timed:
        """Return when the data of the line are there."""
        row, costs = op.row, op.priced.costs
        at = op.start + int(costs.page[row[c.PAGE]])
        access = int(costs.access[row[c.CLASS]])
        data, cause = at + access, CAUSES + int(row[c.CLASS])
        self._request(op, at + access)
        if row[c.PREFETCHED]:
            stream = self.requests[id(op.priced), int(row[c.STREAM])]
            request = stream[self.requests_before[op.number] - row[c.PREFETCHED]]
            yield request | self._until(data)
            if request.triggered and max(at + self.p.l2, request.value) < data:
                data = max(at + self.p.l2, request.value)
                cause = Cause.PREFETCH if data > at + self.p.l2 else Cause.L2
        if row[c.TOUCH]:
            arrival, its_cause = yield self.ops[op.number - row[c.TOUCH]].arrives
            if arrival > data:
                data, cause = arrival, its_cause
        if not op.arrives.triggered and not self._borrowed(op):
            op.arrives.succeed((data, cause))
        op.tail, op.tail_cause, op.body_cause = data - at, cause, Cause.TLB
        return data

    def _borrowed(self, op: MicroOp) -> bool:
        return bool(op.row[c.TOUCH]) and op.arrives is self.ops[
            op.number - op.row[c.TOUCH]
        ].arrives  # fmt: skip

    def _request(self, op: MicroOp, earliest: int) -> None:
        """Start the prefetches that this access triggers."""
        stream = self.requests[id(op.priced), int(op.row[c.STREAM])]
        first = self.requests_before[op.number]
        for i in range(first, first + int(op.row[c.STARTS])):
            follows = i > first or bool(op.row[c.FOLLOWS])
            self.env.process(self._arrival(stream[i], earliest, stream[i - 1] if follows else None))

    def _arrival(self, request: simpy.Event, earliest: int, before: simpy.Event | None) -> Steps:
        arrival = earliest
        if before is not None:
            previous: int = yield before
            arrival = max(arrival, previous + self.p.prefetch_gap)
        else:
            yield self.env.timeout(0)
        request.succeed(arrival)

    def _forwarded(self, op: MicroOp, data: int) -> Timed:
        """Return when the data are there, given that an older store may still hold them."""
        if not op.row[c.MEMORY]:
            return data
        store = self.stores[self._entries_before(op) - int(op.row[c.MEMORY])]
        if store.drained.triggered:
            return data
        if store.op in (c.OP_RMW_STORE, c.OP_ZERO_LINE):
            drained = (yield store.drained) + self.p.l1
            if drained > data:
                data = drained
                op.tail, op.tail_cause = drained - op.start, store.drain_cause
            return data
        known = yield store.started if store.op == c.OP_STORE else store.done
        data = max(op.start + self.p.l1, known + self.p.forward)
        op.tail, op.tail_cause = data - op.start, Cause.STORE_FORWARD
        return data

    def _entries_before(self, op: MicroOp) -> int:
        if op.is_store:
            return self.entry[op.number]
        before = self.store_before[op.number]
        return 0 if before is None else self.entry[before.number] + 1

    def _post(self, op: MicroOp) -> Steps:
        """Fire and forget: done once address and data are known; the line is requested then."""
        yield from self._begin(op, self.store)
        op.finish = op.start + TICKS_PER_CYCLE
        if self._fetches(op):
            self.env.process(self._line_of(op))

    def _line_of(self, op: MicroOp) -> Steps:
        data = yield from self._fetch(op)
        op.tail, op.tail_cause, op.body_cause = 0, Cause.DEPENDENCY, Cause.DEPENDENCY
        op.line_known.succeed(data - self.p.l1)

    def _in_order(self, op: MicroOp) -> Steps:
        """Barriers, TLB maintenance and block clears: start as the oldest micro-op."""
        if op.op in (c.OP_DSB, c.OP_DSB_ALL):
            yield from self._oldest_and_drained(op)
        else:
            yield from self._oldest(op)
        op.start = next_cycle(self.env.now)
        op.tail_cause, op.body_cause = Cause.BARRIER, Cause.TLBI
        if op.op == c.OP_TLBI:
            self._invalidate(op)
        elif op.op == c.OP_ZERO_BLOCK:
            op.finish = op.start + int(op.row[c.LINES]) * self.p.zero_line
            op.tail_cause = op.body_cause = Cause.ZEROING
        elif op.op == c.OP_ISB:
            op.tail = self.p.isb
            op.finish = op.start + op.tail
        else:
            op.tail = self.p.dsb
            op.finish = op.start + op.tail
            if op.op == c.OP_DSB_ALL and self.tlbi_pending:
                self.tlbi_pending = False
                op.finish = max(op.start, self.tlbi_free) + self.p.broadcast + self.p.dsb
                self.totals(op)[BROADCAST_TICKS] += op.finish - op.start - self.p.dsb

    def _invalidate(self, op: MicroOp) -> None:
        """TLBIs leave one after the other; arm64 does not wait for them before a DSB."""
        self.tlbi_free = max(self.tlbi_free, op.start) + self.p.tlbi_issue
        op.tail_cause = Cause.TLBI
        op.finish = self.tlbi_free
        if self.p.tlbi_posted:
            op.finish = op.start + TICKS_PER_CYCLE
            self.tlbi_pending = True
            self.totals(op)[BROADCASTS] += 1

    # Retirement and store queue

    def _retire(self) -> Steps:
        last, retiring = 0, 0
        for op in self.ops:
            yield op.done
            cycle = next_cycle(op.finish)
            if cycle > last:
                self._charge(op, last)
                last, retiring = cycle, 0
            elif retiring == self.p.retire_width:
                self.totals(op)[COUNTERS + Cause.WIDTH] += TICKS_PER_CYCLE
                last, retiring = last + TICKS_PER_CYCLE, 0
            retiring += 1
            yield self._until(last)
            op.retirement = last
            op.retired.succeed(last)

    def _charge(self, op: MicroOp, last: int) -> None:
        """Charge the time since the micro-op before to the causes of this one."""
        cycle = next_cycle(op.finish)
        stack = self.totals(op)[COUNTERS:]
        left = cycle - last
        for cause, ticks in (
            (op.front_cause, max(0, op.dispatch + TICKS_PER_CYCLE - last)),
            (op.wait_cause, op.waited),
            (op.tail_cause, op.tail + cycle - op.finish),
            (op.body_cause, left),
        ):
            stack[cause] += min(left, ticks)
            left -= min(left, ticks)

    def _drain(self) -> Steps:
        drained, began, cause = 0, -self.p.line_change, int(Cause.WIDTH)
        for op in self.stores:
            retired: int = yield op.retired
            begin, takes, own = max(drained, retired), self.p.store_only, Cause.ATOMIC
            if op.op in (c.OP_STORE, c.OP_RMW_STORE) and self._fetches(op):
                line: int = yield op.line_known
                begin = max(begin, line)
            if op.op == c.OP_STORE:
                takes, own = self.p.store_drain, Cause.STORE_BUFFER
            elif op.op in (c.OP_LOCKED, c.OP_ZERO_BLOCK):
                begin, takes = max(drained, op.finish), 0
                own = Cause.LOCKED if op.op == c.OP_LOCKED else Cause.ZEROING
            elif op.op == c.OP_RMW_STORE:
                takes = self.p.store_only if self._fetches(op) else self.p.far_trip
            elif op.op == c.OP_DMB:
                takes, own = self.p.dmb, Cause.BARRIER
            elif op.op == c.OP_ZERO_LINE:
                takes, own = int(op.row[c.LINES]) * self.p.zero_line, Cause.ZEROING
            if op.op in _ATOMICS:
                spacing = self.p.store_only if op.row[c.SAME_LINE] else self.p.line_change
                begin = began = max(begin, began + spacing)
            if begin > drained or takes > self.p.store_drain:
                cause = own
            drained = begin + takes
            op.drain_cause = cause
            yield self._until(drained)
            op.drained.succeed(drained)
