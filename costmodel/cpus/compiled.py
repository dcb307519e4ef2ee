"""A compiled event loop for CPUs that wait for each other at servers only.

Every CPU executes the same steps over and over. One event per CPU is pending at any time, and
events at the same moment happen in the order in which they were scheduled, as in SimPy. So the
times are those of :mod:`costmodel.cpus.processes` to the picosecond, which tests check.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.jit import compiled, inlined

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WORK, VISIT, BROADCAST, PASS = 0, 1, 2, 3
"""Kinds of steps: compute; take a turn at a server; take a turn for TLBIs, which take time from all
other CPUs too; let time pass."""
OPERATION_END = 4
"""Kind of the step at the end of an operation."""


class Steps(NamedTuple):
    """What every CPU does: the steps of an operation, its end, and the steps until the next one.

    All have one entry per step; times are in ps. ``amounts`` is the time of a CPU alone,
    ``services`` the time at the server, ``afters`` the time after that, ``stolen`` the time taken
    from each other CPU. ``passed`` is the work up to the end of the step and ``shares`` the step's
    share of it, -1 where noise changes nothing. ``visits`` is how many visits the step stands for,
    ``causes`` the cause that waiting is counted as. ``servers``, int64[steps, CPUs], is the server
    that each CPU goes to.
    """

    kinds: Ints
    amounts: Ints
    services: Ints
    afters: Ints
    stolen: Ints
    passed: Ints
    shares: Floats
    visits: Floats
    causes: Ints
    servers: Ints


class Servers(NamedTuple):
    """The servers: what they are like, which CPUs are there, and how they were used.

    All have one entry per server. ``lines``, int64[servers, 3], holds the transfer time of a line
    within a socket and between two, in ps, and the most CPUs by which a service grows. ``there``,
    int64[servers, CPUs + 1], is a ring of the times at which present CPUs leave, ``queued`` of them
    from ``head`` on. ``total`` is the number of visits of all CPUs, and ``seen``,
    float64[servers, CPUs], that number at the last visit of each CPU. ``visited``, ``busy`` and
    ``waited`` are those of :class:`costmodel.cpus.resources.Usage`, in the time that counts.
    """

    lines: Ints
    growth: Floats
    free: Ints
    last: Ints
    total: Floats
    seen: Floats
    there: Ints
    head: Ints
    queued: Ints
    visited: Floats
    busy: Ints
    waited: Ints

    @classmethod
    def idle(cls, lines: Ints, growth: Floats, cpus: int) -> Servers:
        """Return servers that no CPU has visited yet."""
        count = len(lines)
        ints, floats = np.zeros((6, count), np.int64), np.zeros((2, count))
        return cls(
            lines=lines,
            growth=growth,
            free=ints[0],
            last=ints[1],
            total=floats[0],
            seen=np.zeros((count, cpus)),
            there=np.zeros((count, cpus + 1), np.int64),
            head=ints[2],
            queued=ints[3],
            visited=floats[1],
            busy=ints[4],
            waited=ints[5],
        )


class Cpus(NamedTuple):
    """The progress of each CPU; all have one entry per CPU.

    ``sockets`` is the CPU's socket, ``steps`` its next step, and ``resuming`` whether it is in the
    middle of that. ``number`` counts its operations, below 0 in the warm-up of the first CPU. Of
    its present operation, ``began`` is the beginning, ``here`` whether that was in the time that
    counts, ``done`` the work done, and ``costs``, int64[CPUs, causes], what others cost it so far.
    ``own`` is the time that it took from others, ``known`` the time taken from it that it has made
    up for.
    """

    sockets: Ints
    steps: Ints
    resuming: NDArray[np.bool_]
    number: Ints
    began: Ints
    here: NDArray[np.bool_]
    done: Ints
    costs: Ints
    own: Ints
    known: Ints

    @classmethod
    def at_the_start(cls, sockets: Ints, causes: int, warm_up: int) -> Cpus:
        """Return the CPUs before their first step."""
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
            own=ints[4],
            known=ints[5],
        )


class Events(NamedTuple):
    """The next event of each CPU: its time, and its ``order`` among events of the same moment.

    ``heap`` holds the numbers of the CPUs that run; the one with the first event is at the top.
    """

    times: Ints
    order: Ints
    heap: Ints


class Counted(NamedTuple):
    """The results: ``took``, the times of the first CPU's operations, and sums over that time.

    ``extra`` holds what others cost the operations that lie in it as a whole, by cause. ``sums``
    holds the number of these operations, their times together, the number of operations that ended
    in it, and its length.
    """

    took: Ints
    extra: Ints
    sums: Ints


@inlined
def _before(events: Events, one: int, other: int) -> bool:
    if events.times[one] != events.times[other]:
        return bool(events.times[one] < events.times[other])
    return bool(events.order[one] < events.order[other])


@inlined
def _settle(events: Events) -> None:
    """Move the topmost CPU of the heap down to its place."""
    heap, size = events.heap, len(events.heap)
    place, cpu = 0, heap[0]
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _before(events, heap[child + 1], heap[child]):
            child += 1
        if not _before(events, heap[child], cpu):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = cpu


@inlined
def _turn(servers: Servers, server: int, cpus: Cpus, cpu: int, now: int, service: int,
          visits: float) -> int:  # fmt: skip
    """Take a turn at a server as :meth:`costmodel.cpus.resources.Server.visit` does."""
    near = cpus.sockets[cpu] == servers.last[server]
    transfer = servers.lines[server, 0] if near else servers.lines[server, 1]
    others = servers.total[server] - servers.seen[server, cpu]
    service += int(np.rint(min(visits, others) * transfer))
    growth, there, head = servers.growth[server], servers.there, servers.head
    if growth > 0:
        ring = there.shape[1]
        while servers.queued[server] and there[server, head[server]] <= now:
            head[server] = (head[server] + 1) % ring
            servers.queued[server] -= 1
        waiting = min(servers.queued[server], servers.lines[server, 2])
        service = int(np.rint(service * (1 + growth * waiting)))
    start = max(now, servers.free[server])
    leaves = start + service
    servers.free[server] = leaves
    if growth > 0:
        there[server, (head[server] + servers.queued[server]) % there.shape[1]] = leaves
        servers.queued[server] += 1
    servers.total[server] += visits
    servers.seen[server, cpu] = servers.total[server]
    servers.last[server] = cpus.sockets[cpu]
    servers.visited[server] += visits
    servers.busy[server] += service
    servers.waited[server] += start - now
    return int(leaves - now)


@inlined
def _work(steps: Steps, step: int, cpus: Cpus, cpu: int, more: Ints, all_stolen: int) -> int:
    """Return how long a CPU works, with the handlers of other CPUs' flushes that come meanwhile."""
    if not cpus.resuming[cpu]:
        wait = steps.amounts[step]
        if steps.shares[step] >= 0:
            change = more[cpu, cpus.number[cpu] % more.shape[1]]
            upto = max(cpus.done[cpu], steps.passed[step] + int(change * steps.shares[step]))
            wait, cpus.done[cpu] = upto - cpus.done[cpu], upto
        cpus.known[cpu] = all_stolen - cpus.own[cpu]
    else:
        wait = all_stolen - cpus.own[cpu] - cpus.known[cpu]
        cpus.known[cpu] += wait
        cpus.costs[cpu, -1] += wait
    cpus.resuming[cpu] = wait > 0
    return int(wait)


@inlined
def _meet(steps: Steps, step: int, servers: Servers, cpus: Cpus, cpu: int, now: int) -> int:
    """Return how long a CPU is at a server, and the time after that."""
    server = steps.servers[step, cpu]
    wait = _turn(servers, server, cpus, cpu, now, steps.services[step], steps.visits[step])
    cpus.own[cpu] += steps.stolen[step]
    cpus.costs[cpu, steps.causes[step]] += wait - steps.amounts[step]
    return int(wait + steps.afters[step])


@inlined
def _begin(cpus: Cpus, cpu: int, now: int, counting: bool) -> None:
    cpus.began[cpu], cpus.here[cpu], cpus.done[cpu] = now, counting, 0
    cpus.costs[cpu] = 0


@inlined
def _end(cpus: Cpus, cpu: int, now: int, counting: bool, counted: Counted) -> None:
    """End an operation, and count it if it lies in the time that counts."""
    if counting:
        counted.sums[2] += 1
        if cpus.here[cpu]:
            counted.sums[0] += 1
            counted.sums[1] += now - cpus.began[cpu]
            for cause in range(len(counted.extra)):
                counted.extra[cause] += cpus.costs[cpu, cause]
    if cpu == 0 and cpus.number[0] >= 0:
        counted.took[cpus.number[0]] = now - cpus.began[0]
    cpus.number[cpu] += 1


@compiled
def run(
    steps: Steps, servers: Servers, cpus: Cpus, events: Events, more: Ints, counted: Counted
) -> None:
    """Run until the first CPU has done its warm-up and then ``len(counted.took)`` operations.

    ``more``, int64[CPUs, n], is what noise adds to the operations, which take its columns in turn;
    the last columns of the first CPU are for the warm-up. The last cause is the time that other
    CPUs take. All arguments but ``steps`` and ``more`` are changed.
    """
    last_step, scheduled = len(steps.kinds) - 1, len(events.times)
    all_stolen, counting, since = 0, False, 0
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
                    servers.visited[:], servers.busy[:], servers.waited[:] = 0, 0, 0
                _begin(cpus, cpu, now, counting)
            kind, wait = steps.kinds[step], 0
            if kind == WORK:
                wait = _work(steps, step, cpus, cpu, more, all_stolen)
            elif kind in (VISIT, BROADCAST):
                wait = _meet(steps, step, servers, cpus, cpu, now)
                all_stolen += steps.stolen[step]
            elif kind == PASS:
                wait = steps.amounts[step]
            else:
                _end(cpus, cpu, now, counting, counted)
            if not cpus.resuming[cpu]:
                cpus.steps[cpu] = 0 if step == last_step else step + 1
            if wait > 0 or kind == BROADCAST:  # which is an event of its own in any case
                break
        events.times[cpu], events.order[cpu] = now + wait, scheduled
        scheduled += 1
        _settle(events)
