"""The event loop of CPUs that meet at servers alone, compiled; SimPy's, event by event.

Every CPU executes the same steps over and over. One event per CPU is pending at any time, and
events of the same moment come in the order in which they were scheduled, as in SimPy: the times
are those of :mod:`costmodel.cpus.processes` to the picosecond, which tests compare.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.jit import compiled, inlined

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WORK, VISIT, BROADCAST, PASS = 0, 1, 2, 3
"""Kinds of steps: compute; take a turn at a server; the same for TLBIs, which take time from all
other CPUs; let time pass."""
OPERATION_END = 4
"""The step behind an operation."""


class StepTable(NamedTuple):
    """What every CPU does: the steps of one operation, an end, those of what lies between two.

    One entry per step, times in ps. ``amounts``: how long it takes a CPU alone, ``services``: how
    long it is served, ``afters``: how long it goes on behind that. ``stolen``: what it takes from
    each other CPU. ``passed`` is the work up to the end of the step and ``shares`` its share, -1
    where noise changes nothing. ``causes``: what waiting is counted as. ``servers``
    int64[steps, CPUs] is where each CPU goes.
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
    """Servers, one entry each: what they are, who is there, and what they have seen.

    ``lines`` int64[servers, 3]: transfer near and far in ps, and most CPUs that make a service
    grow. ``there`` int64[servers, CPUs + 1] is a ring of the times at which those leave that are
    there: ``queued`` of them from ``head`` on. ``seen`` float64[servers, CPUs] is ``total``, the
    visits of all, at each CPU's last one. ``visited``, ``busy`` and ``waited`` are those of
    :class:`costmodel.cpus.resources.Usage` while operations count.
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
        """Return servers that nobody has visited."""
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
    """Where each CPU is, one entry each.

    ``sockets``: where it is. ``steps``: its next step; ``resuming``: it is in the middle of that.
    ``number``: operations done, below 0 in the warm-up of the first CPU. Of the operation it is
    in: when it ``began``, whether that was ``here``, in the time that counts, what work is ``done``
    and what others cost it so far (``costs`` int64[CPUs, causes]). ``own``: what it took from the
    others; ``known``: what was taken from it that it has worked off.
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
            own=ints[4],
            known=ints[5],
        )


class PendingEvents(NamedTuple):
    """The next event of each CPU: when, and in which ``order`` those of the same moment come.

    ``heap`` has the CPUs that run, that of the first event at the top.
    """

    times: Ints
    order: Ints
    heap: Ints


class Counted(NamedTuple):
    """What is counted: ``took``, the first CPU's times, and sums over the time of these.

    ``extra``: by cause, of the operations that lie in that time as a whole; ``sums``: how many
    these are, how long they took together, how many ended in that time, how long it was.
    """

    took: Ints
    extra: Ints
    sums: Ints


@inlined
def _before(events: PendingEvents, one: int, other: int) -> bool:
    if events.times[one] != events.times[other]:
        return bool(events.times[one] < events.times[other])
    return bool(events.order[one] < events.order[other])


@inlined
def _settle(events: PendingEvents) -> None:
    """Let the topmost CPU of the heap sink to its place."""
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
    """Take a turn; see :meth:`costmodel.cpus.resources.Server.visit`."""
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
def _work(steps: StepTable, step: int, cpus: Cpus, cpu: int, more: Ints, all_stolen: int) -> int:
    """Return how long a CPU works on, handlers of other CPUs included as they come."""
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
def _meet(steps: StepTable, step: int, servers: Servers, cpus: Cpus, cpu: int, now: int) -> int:
    """Return how long a CPU is at a server, and on its way behind it."""
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
    """End an operation; count it if it is time."""
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
    steps: StepTable,
    servers: Servers,
    cpus: Cpus,
    events: PendingEvents,
    more: Ints,
    counted: Counted,
) -> None:
    """Run until the first CPU has done its warm-up and then ``len(counted.took)`` operations.

    ``more`` int64[CPUs, n] is what noise adds to the operations in turn; of the first CPU the last
    ones are the warm-up's. The last cause is time that other CPUs take. All but ``steps`` and
    ``more`` changes.
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
