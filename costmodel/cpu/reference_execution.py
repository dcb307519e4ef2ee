"""The execution of micro-ops in the reference core: each is a SimPy process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import simpy

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.ports import Ports, Steps
from costmodel.cpu.reference_locks import oldest_begins, turn_begins
from costmodel.cpu.reference_memory import (
    charged_line,
    hold_register_for_line,
    hold_register_until,
    line_arrival,
    load_data,
    register_free_at,
)
from costmodel.cpu.stack import CAUSES, Cause
from costmodel.cpu.window import (
    ADDRESS,
    ALU,
    BRANCH,
    BROADCAST_TICKS,
    BROADCASTS,
    COUNTERS,
    LOADING,
    MULTIPLY,
    STORING,
)
from costmodel.units import TICKS_PER_CYCLE


class Execution:
    """Executes each micro-op once it is dispatched."""

    def __init__(
        self, env: simpy.Environment, parameters: Parameters, micro_ops: Sequence[MicroOp]
    ) -> None:
        """Prepare to run ``micro_ops``, in program order."""
        self.env = env
        self.p = parameters
        self.ops = micro_ops
        self.loads = [op for op in micro_ops if op.is_load]
        self.stores = [op for op in micro_ops if op.is_store]
        self.atomics = [op for op in micro_ops if op.op in c.ATOMICS]
        self.entry = {op.number: i for i, op in enumerate(self.stores)}
        self.ports = Ports(
            env,
            {
                ALU: parameters.alu_ports,
                BRANCH: parameters.branch_ports,
                LOADING: parameters.load_ports,
                STORING: parameters.store_ports,
                MULTIPLY: parameters.mul_ports,
                ADDRESS: parameters.address_units,
            },
        )
        self.fences: list[MicroOp] = []
        self.missing: list[MicroOp] = []
        """All that need a miss register, in program order."""
        self.last_store: MicroOp | None = None
        self.store_before: dict[int, MicroOp | None] = {}
        self.last_lock: MicroOp | None = None
        self.lock_before: dict[int, MicroOp | None] = {}
        self.loads_before: dict[int, int] = {}
        self.requests: dict[tuple[int, int], list[simpy.Event]] = defaultdict(list)
        self.requests_before: dict[int, int] = {}
        self.tlbi_free = 0
        self.tlbi_pending = False
        self.counts: dict[int, Ints] = {}

    def totals(self, op: MicroOp) -> Ints:
        """Return the counters and the stack of a micro-op, in the layout of the fast engine."""
        if op.number not in self.counts:
            length = COUNTERS + CAUSES + len(op.priced.weights)
            self.counts[op.number] = np.zeros(length, np.int64)
        return self.counts[op.number]

    def until(self, time: float) -> simpy.Event:
        """Return an event that happens at a tick, or now if that has passed."""
        return self.env.timeout(max(0, time - self.env.now))

    def fetches(self, op: MicroOp) -> bool:
        """Tell whether a micro-op brings its line into the L1."""
        if op.op == c.OP_RMW_STORE:
            return not (self.p.far and not op.row[c.LINES])
        return op.op in (*c.LOADS, c.OP_STORE)

    def enter(self, op: MicroOp, loads: int) -> None:
        """Do what has to be done in program order, then start the process of the micro-op."""
        self.store_before[op.number] = self.last_store
        self.lock_before[op.number] = self.last_lock
        self.loads_before[op.number] = loads
        if op.is_store:
            self.last_store = op
        if op.op == c.OP_LOCKED:
            self.last_lock = op
        if op.refetched(self.p):
            op.redirects = Cause.BRANCH_MISPREDICT
        elif op.op in (c.OP_DSB, c.OP_DSB_ALL, c.OP_ISB):
            op.redirects = Cause.BARRIER
        elif op.op == c.OP_ZERO_BLOCK:
            op.redirects = Cause.ZEROING
        self._enter_memory(op)
        self.env.process(self._execute(op, [fence for fence in self.fences]))
        self.fences = [fence for fence in self.fences if not fence.done.triggered]
        if op.op == c.OP_RMW_ACQUIRE or (op.op == c.OP_LOCKED and self.p.locked_alone):
            self.fences.append(op)

    def _enter_memory(self, op: MicroOp) -> None:
        """Register the line and the prefetch requests of the micro-op."""
        if self.fetches(op):
            if op.priced.costs.misses[op.row[c.CLASS]]:
                self.missing.append(op)
            older = self.ops[op.number - op.row[c.TOUCH]] if op.row[c.TOUCH] else None
            if older is not None and not op.priced.costs.misses[op.row[c.CLASS]]:
                op.arrives = older.arrives  # it hits a line that somebody else fetched
            stream = self.requests[id(op.priced), int(op.row[c.STREAM])]
            self.requests_before[op.number] = len(stream)
            stream.extend(self.env.event() for _ in range(op.row[c.STARTS]))
        else:
            op.arrives.succeed((0, Cause.WIDTH))

    def _execute(self, op: MicroOp, fences: list[MicroOp]) -> Steps:
        for column in range(c.INPUT, c.INPUT + c.INPUTS):
            if op.row[column]:
                yield self.ops[op.number - op.row[column]].done
        op.ready.succeed(int(self.env.now))
        kind = op.op
        if kind in (c.OP_LOAD, c.OP_RMW_VALUE, c.OP_RMW_CAS, c.OP_RMW_ACQUIRE):
            yield from self._access(op, fences)
        elif kind == c.OP_PREFETCH:
            yield from self._wait_for_register(op)
            yield from self._post(op, LOADING)
        elif kind == c.OP_LOCKED:
            yield from self._alone(op) if self.p.locked_alone else self._let_pass(op)
        elif kind in (c.OP_STORE, c.OP_RMW_STORE, c.OP_ZERO_LINE):
            yield from self._post(op)
        elif kind in (c.OP_DSB, c.OP_DSB_ALL, c.OP_ISB, c.OP_TLBI, c.OP_ZERO_BLOCK):
            yield from self._in_order(op)
        else:
            yield from self._compute(op)
        yield self.until(op.finish)
        op.done.succeed(op.finish)
        if op.redirects is not None:
            if op.redirects == Cause.BRANCH_MISPREDICT:
                yield self.env.timeout(op.refetched(self.p))
            op.resumed.succeed(int(self.env.now))

    def _begin(self, op: MicroOp, *groups: int, alus: int = 0) -> Steps:
        """Start on a port of each group, and on some ALUs."""
        ready = int(self.env.now)
        keeps = self.p.mul_keeps if MULTIPLY in groups else TICKS_PER_CYCLE
        needs = {group: 1 for group in groups} | {ALU: alus}
        op.start = yield from self.ports.start(op, needs, keeps)
        op.wait(op.start - ready, Cause.PORT)
        op.started.succeed(op.start)

    def _compute(self, op: MicroOp) -> Steps:
        kind, p = op.op, self.p
        free = {
            c.OP_SLOT: True, c.OP_DMB: True, c.OP_MOVE: p.moves_free,
            c.OP_IMMEDIATE: p.immediates_free, c.OP_ZERO_IDIOM: p.zeros_free,
        }  # fmt: skip
        if free.get(kind):
            op.start = op.finish = int(self.env.now)
            return
        if kind in c.BRANCHES:
            yield from self._begin(op, BRANCH, alus=p.branches_on_alus)
        elif kind == c.OP_MUL:
            yield from self._begin(op, MULTIPLY, alus=1)
        else:
            yield from self._begin(op, alus=1)
        latency = {c.OP_MUL: p.mul, c.OP_SYSTEM: p.system}.get(kind, TICKS_PER_CYCLE)
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
        yield from self._wait_for_register(op)
        yield from self._begin(op, LOADING, ADDRESS)
        line = self.env.process(line_arrival(self, op, op.start))
        latencies = {
            c.OP_RMW_VALUE: self.p.value, c.OP_RMW_CAS: self.p.cas, c.OP_RMW_ACQUIRE: self.p.acquire
        }  # fmt: skip
        latency = latencies.get(op.op)
        if latency is None:
            op.finish = yield from load_data(self, op, line, self.p.l1, self.p.forward)
        else:
            op.finish = yield from load_data(self, op, line, latency, latency)
            self._atomic(op, latency, Cause.ATOMIC)
        self.env.process(hold_register_for_line(self, op, op.finish, line))

    def _atomic(self, op: MicroOp, latency: int, cause: Cause) -> None:
        op.tail, op.body_cause, op.tail_cause = latency, op.tail_cause, cause

    def _alone(self, op: MicroOp) -> Steps:
        """Execute an x86 locked operation that starts as the oldest, the store queue drained."""
        yield from self._oldest_and_drained(op)
        yield from self._begin(op, LOADING, ADDRESS, alus=self.p.locked_alus)
        line = yield from charged_line(self, op)
        op.finish = line.data + self.p.locked - self.p.l1
        self._atomic(op, self.p.locked, Cause.LOCKED)
        hold_register_until(self, op, op.finish, line)

    def _let_pass(self, op: MicroOp) -> Steps:
        """Execute an x86 locked operation that lets younger micro-ops pass."""
        yield from self._wait_for_register(op)
        yield from self._begin(op, LOADING, ADDRESS, alus=self.p.locked_alus)
        line = yield from charged_line(self, op)
        hold_register_until(self, op, line.data, line)
        begin, body = line.data - self.p.l1, op.tail_cause
        begins = oldest_begins if self.p.locked_oldest else turn_begins
        begin, body = yield from begins(self, op, begin, body)
        op.finish = begin + self.p.locked
        op.tail, op.tail_cause, op.body_cause = self.p.locked, Cause.LOCKED, body

    def _wait_for_register(self, op: MicroOp) -> Steps:
        ready = int(self.env.now)
        free = yield from register_free_at(self, op, ready)
        op.wait(free - ready, Cause.MISS_REGISTERS)

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

    def _post(self, op: MicroOp, ports: int = STORING) -> Steps:
        """Execute a store: done once address and data are known, it then requests its line."""
        yield from self._begin(op, ports, ADDRESS)
        op.finish = op.start + TICKS_PER_CYCLE
        if self.fetches(op):
            self.env.process(self._line_of(op))

    def _line_of(self, op: MicroOp) -> Steps:
        begins = yield from register_free_at(self, op, op.start)
        line = yield from line_arrival(self, op, begins)
        hold_register_until(self, op, line.data, line)
        op.line_known.succeed(line.data - self.p.l1)

    def _in_order(self, op: MicroOp) -> Steps:
        """Execute a barrier, a TLBI or the clearing of a block, as the oldest micro-op."""
        if op.op in (c.OP_DSB, c.OP_DSB_ALL):
            yield from self._oldest_and_drained(op)
        else:
            yield from self._oldest(op)
        op.start = int(self.env.now)
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
        """Execute a TLBI: they leave one after the other; on arm64 only a DSB waits for them."""
        self.tlbi_free = max(self.tlbi_free, op.start) + self.p.tlbi_issue
        op.tail_cause = Cause.TLBI
        op.finish = self.tlbi_free
        if self.p.tlbi_posted:
            op.finish = op.start + TICKS_PER_CYCLE
            self.tlbi_pending = True
            self.totals(op)[BROADCASTS] += 1
