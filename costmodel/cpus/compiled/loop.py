"""The event loop: every CPU executes the same steps over and over.

One event per CPU is pending at any time, and events of the same moment come in the order in which
they were scheduled, as in SimPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Flags, Floats, Ints
from costmodel.cpus.compiled.events import NEVER, PendingEvents, settle, wake
from costmodel.cpus.compiled.interrupts import (
    FlushTable,
    LeftArrays,
    ReceiverArrays,
    move,
    send_in_vain,
    until_answered,
)
from costmodel.cpus.compiled.locks import NOBODY, LockArrays, release_lock, request_lock
from costmodel.cpus.compiled.servers import Servers, turn
from costmodel.jit import compiled, inlined

WORK, VISIT, BROADCAST, PASS, SEND, ANSWERS, LOCK, UNLOCK = range(8)
"""Kinds of steps: compute; take a turn at a server; the same for TLBIs, which take time from all
other CPUs; let time pass; send interrupts; wait until they are answered; wait for the lock of the
address space, and leave it."""
OPERATION_END = 8
"""The step behind an operation."""
NOT_YET = -1
"""End of the last operation of a CPU that has not ended one."""
UNCHARGED = -1
"""Cause of a step that would take a CPU alone as long."""


class StepTable(NamedTuple):
    """What every CPU does: the steps of one operation, an end, those of what lies between two.

    One entry per step, times in ps. ``amounts``: how long it takes a CPU alone, ``services``: how
    long it is served, ``afters``: how long it goes on behind that. ``stolen``: what it takes from
    each other CPU. ``passed`` is the work up to the end of the step and ``shares`` its share, -1
    where nothing changes it; ``between`` is 1 for steps behind the operation, else 0. ``causes``:
    what waiting is counted as. ``servers`` int64[steps, CPUs] is where each CPU goes.
    """

    kinds: Ints
    amounts: Ints
    services: Ints
    afters: Ints
    stolen: Ints
    passed: Ints
    shares: Floats
    between: Ints
    visits: Floats
    causes: Ints
    servers: Ints


class Cpus(NamedTuple):
    """Where each CPU is, one entry each.

    ``sockets``: where it is. ``steps``: its next step; ``resuming``: it is in the middle of that.
    ``number``: operations done, below 0 in the warm-up of the first CPU. Of the operation it is
    in: when it ``began``, whether that was ``here``, in the time that counts, what work is ``done``
    and what others cost it so far (``costs`` int64[CPUs, causes]). ``paid``: what
    broadcasts took that it sent, or has made up for; ``known``: the time of handlers that it has
    made up for. ``ended``: when its last operation did, or :data:`NOT_YET`.
    """

    sockets: Ints
    steps: Ints
    resuming: Flags
    number: Ints
    began: Ints
    here: Flags
    done: Ints
    costs: Ints
    paid: Ints
    known: Ints
    ended: Ints

    @classmethod
    def at_the_start(cls, sockets: Ints, causes: int, warm_up: int) -> Cpus:
        """Return CPUs before their first step."""
        count = len(sockets)
        ints, flags = np.zeros((6, count), np.int64), np.zeros((2, count), np.bool_)
        ints[1, 0] = -warm_up
        return cls(
            sockets=sockets,
            steps=ints[0],
            resuming=flags[0],
            number=ints[1],
            began=ints[2],
            here=flags[1],
            done=ints[3],
            costs=np.zeros((count, causes), np.int64),
            paid=ints[4],
            known=ints[5],
            ended=np.full(count, NOT_YET),
        )


class Counted(NamedTuple):
    """What is counted: ``took``, the first CPU's times, and sums over the time of these.

    ``extra``: by cause, of the operations that lie in that time as a whole; ``sums``: how many
    these are, how long they took together, how many ended in that time, how long it was; how many
    of them a CPU ended after another one, and the sum of the times from one end to the next.
    """

    took: Ints
    extra: Ints
    sums: Ints


class CrowdState(NamedTuple):
    """All CPUs, and all that they meet."""

    cpus: Cpus
    servers: Servers
    locks: LockArrays
    receivers: ReceiverArrays
    left: LeftArrays


@inlined
def _work(steps: StepTable, step: int, crowd: CrowdState, cpu: int, amount: int, more: Ints,
          broadcasts: int) -> int:  # fmt: skip
    """Return how long a CPU works on, handlers of other CPUs included as they come.

    ``broadcasts``: what all broadcasts took from every CPU but their senders.
    """
    cpus, receivers = crowd.cpus, crowd.receivers
    taken = receivers.stolen[receivers.numbers[cpu]]
    if not cpus.resuming[cpu]:
        wait, between = amount, steps.between[step]
        if steps.shares[step] >= 0:
            # The number of an operation is that of what follows it, too.
            change = more[between, cpu, (cpus.number[cpu] - between) % more.shape[2]]
            upto = max(cpus.done[cpu], steps.passed[step] + int(change * steps.shares[step]))
            wait, cpus.done[cpu] = upto - cpus.done[cpu], upto
        owed, cpus.paid[cpu] = broadcasts - cpus.paid[cpu], broadcasts
        wait += owed
        cpus.costs[cpu, -1] += owed
    else:
        wait = taken - cpus.known[cpu]
        cpus.costs[cpu, -1] += wait
    cpus.known[cpu] = taken
    cpus.resuming[cpu] = wait > 0
    return int(wait)


@inlined
def _meet(steps: StepTable, step: int, crowd: CrowdState, cpu: int, now: int) -> int:
    """Return how long a CPU is at a server, and on its way behind it."""
    cpus, server, service = crowd.cpus, steps.servers[step, cpu], steps.services[step]
    visits = steps.visits[step]
    wait = turn(crowd.servers, server, cpu, cpus.sockets[cpu], now, service, visits)
    cpus.paid[cpu] += steps.stolen[step]
    cpus.costs[cpu, steps.causes[step]] += wait - steps.amounts[step]
    return int(wait + steps.afters[step])


@inlined
def _lock(steps: StepTable, step: int, crowd: CrowdState, cpu: int, now: int) -> int:
    """Return how long a CPU waits for its lock: not at all, or until it is woken."""
    cpus, locks = crowd.cpus, crowd.locks
    if cpus.resuming[cpu]:
        waited = now - cpus.began[cpu]
        locks.waited[locks.process[cpu]] += waited
        cpus.costs[cpu, steps.causes[step]] += waited
        cpus.resuming[cpu] = False
        return 0
    cpus.resuming[cpu] = not request_lock(locks, cpu, now)
    return NEVER - now if cpus.resuming[cpu] else 0


@inlined
def _unlock(crowd: CrowdState, events: PendingEvents, cpu: int, now: int, scheduled: int) -> int:
    """Leave the lock; return the number of CPUs that are woken by that, 0 or 1."""
    following = release_lock(crowd.locks, cpu, now)
    if following == NOBODY:
        return 0
    wake(events, following, now, scheduled)
    return 1


@inlined
def _begin(crowd: CrowdState, cpu: int, now: int, counting: bool) -> None:
    """Begin an operation, on the CPU that the thread has moved to."""
    cpus = crowd.cpus
    cpus.began[cpu], cpus.here[cpu], cpus.done[cpu] = now, counting, 0
    cpus.costs[cpu] = 0
    move(crowd.receivers, crowd.left, cpu)


@inlined
def _end(cpus: Cpus, cpu: int, now: int, counting: bool, counted: Counted) -> None:
    """End an operation; count it if it is time."""
    before, cpus.ended[cpu] = cpus.ended[cpu], now
    if counting:
        counted.sums[2] += 1
        if before != NOT_YET:
            counted.sums[4] += 1
            counted.sums[5] += now - before
        if cpus.here[cpu]:
            counted.sums[0] += 1
            counted.sums[1] += now - cpus.began[cpu]
            for cause in range(len(counted.extra)):
                counted.extra[cause] += cpus.costs[cpu, cause]
    if cpu == 0 and cpus.number[0] >= 0:
        counted.took[cpus.number[0]] = now - cpus.began[0]
    cpus.number[cpu] += 1
    cpus.done[cpu] = 0


@inlined
def _forget(crowd: CrowdState) -> None:
    """Let what was used so far not count."""
    servers, locks, receivers = crowd.servers, crowd.locks, crowd.receivers
    servers.visited[:], servers.busy[:], servers.waited[:] = 0, 0, 0
    locks.visited[:], locks.busy[:], locks.waited[:] = 0, 0, 0
    receivers.visited[:], receivers.busy[:] = 0, 0


@inlined
def _sends(flushes: FlushTable, step: int, crowd: CrowdState, cpu: int, now: int) -> int:
    """Return how long a CPU sends interrupts; those in vain are sent once."""
    sends: int = flushes.takes[step, cpu]
    if not crowd.cpus.resuming[cpu]:
        sends += send_in_vain(crowd.receivers, crowd.left, flushes, step, cpu, now)
    return sends


@inlined
def _answered(flushes: FlushTable, step: int, crowd: CrowdState, cpu: int, now: int) -> int:
    """Return how long a CPU waits until all that it interrupted have answered."""
    return until_answered(crowd.receivers, crowd.left, flushes, step, crowd.servers, cpu, now)


@compiled
def run(
    steps: StepTable,
    flushes: FlushTable,
    crowd: CrowdState,
    events: PendingEvents,
    more: Ints,
    counted: Counted,
) -> None:
    """Run until the first CPU has done its warm-up and then ``len(counted.took)`` operations.

    ``more`` int64[2, CPUs, n] is what noise adds to the operations in turn, and how what lies
    between two differs; of the first CPU the last ones are the warm-up's. The last cause is time
    that other CPUs take. All but ``steps``, ``flushes`` and ``more`` changes.
    """
    last_step, scheduled = len(steps.kinds) - 1, len(events.times)
    broadcasts, counting, since = 0, False, 0
    cpus = crowd.cpus
    while True:
        cpu = events.heap[0]
        now = events.times[cpu]
        while True:  # until this CPU has to wait
            step = cpus.steps[cpu]
            if step == 0 and not cpus.resuming[cpu]:
                if cpu == 0 and cpus.number[0] == len(counted.took):
                    counted.sums[3] = now - since
                    return
                if cpu == 0 and cpus.number[0] == 0:
                    counting, since = True, now
                    _forget(crowd)
                _begin(crowd, cpu, now, counting)
            kind, wait, cause = steps.kinds[step], 0, steps.causes[step]
            charged = cause != UNCHARGED and not cpus.resuming[cpu]
            if kind == WORK:
                wait = _work(steps, step, crowd, cpu, steps.amounts[step], more, broadcasts)
            elif kind in (VISIT, BROADCAST):
                wait = _meet(steps, step, crowd, cpu, now)
                broadcasts += steps.stolen[step]
            elif kind == PASS:
                wait = flushes.takes[step, cpu]
                cpus.costs[cpu, cause] += wait if charged else 0
            elif kind == SEND:
                sends = _sends(flushes, step, crowd, cpu, now)
                wait = _work(steps, step, crowd, cpu, sends, more, broadcasts)
                cpus.costs[cpu, cause] += sends if charged else 0
            elif kind == ANSWERS:
                wait = _answered(flushes, step, crowd, cpu, now)
                cpus.costs[cpu, cause] += wait
            elif kind == LOCK:
                wait = _lock(steps, step, crowd, cpu, now)
            elif kind == UNLOCK:
                scheduled += _unlock(crowd, events, cpu, now, scheduled)
            else:
                _end(cpus, cpu, now, counting, counted)
            if not cpus.resuming[cpu]:
                cpus.steps[cpu] = 0 if step == last_step else step + 1
            if wait > 0 or kind in (BROADCAST, PASS):  # which are events in any case
                break
        events.times[cpu], events.order[cpu] = now + wait, scheduled
        scheduled += 1
        settle(events)
