"""The event loop of CPUs that meet at servers alone, compiled; SimPy's, event by event.

Every CPU executes the same steps over and over. One event per CPU is pending at any time, and
events of the same moment come in the order in which they were scheduled, as in SimPy: the times
are those of :mod:`costmodel.cpus.world` to the picosecond, which tests compare.
"""

from __future__ import annotations

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


@inlined
def _before(times: Ints, order: Ints, one: int, other: int) -> bool:
    if times[one] != times[other]:
        return bool(times[one] < times[other])
    return bool(order[one] < order[other])


@inlined
def _settle(heap: Ints, size: int, times: Ints, order: Ints) -> None:
    """Let the topmost CPU of a heap sink to its place."""
    place, cpu = 0, heap[0]
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _before(times, order, heap[child + 1], heap[child]):
            child += 1
        if not _before(times, order, heap[child], cpu):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = cpu


@inlined
def _turn(
    server: int, cpu: int, socket: int, now: int, service: int, visits: float,
    lines: Ints, growth: Floats, free: Ints, total: Floats, seen: Floats, last: Ints,
    there: Ints, head: Ints, count: Ints, visited: Floats, busy: Ints, waited: Ints,
) -> int:  # fmt: skip
    """Take a turn; see :meth:`costmodel.cpus.resources.Server.visit`."""
    transfer = lines[server, 0] if socket == last[server] else lines[server, 1]
    others = total[server] - seen[server, cpu]
    service += int(np.rint(min(visits, others) * transfer))
    if growth[server] > 0:
        ring = there.shape[1]
        while count[server] and there[server, head[server]] <= now:
            head[server] = (head[server] + 1) % ring
            count[server] -= 1
        waiting = min(count[server], lines[server, 2])
        service = int(np.rint(service * (1 + growth[server] * waiting)))
    start = max(now, free[server])
    free[server] = start + service
    if growth[server] > 0:
        there[server, (head[server] + count[server]) % there.shape[1]] = free[server]
        count[server] += 1
    total[server] += visits
    seen[server, cpu] = total[server]
    last[server] = socket
    visited[server] += visits
    busy[server] += service
    waited[server] += start - now
    return int(free[server] - now)


@compiled
def run(
    kinds: Ints, amounts: Ints, rests: Ints, stolen: Ints, shares: Floats, passed: Ints,
    visits: Floats, causes: Ints, servers: Ints, sockets: Ints, lines: Ints, growth: Floats,
    delays: Ints, more: Ints, warm_up: int, interrupted: int,
    took: Ints, extra: Ints, sums: Ints, usage: Floats,
) -> None:  # fmt: skip
    """Run until the first CPU has done ``warm_up`` and then ``len(took)`` operations.

    Steps ``kinds`` (with ``amounts`` in ps, and so on) are those of one operation, an
    ``OPERATION_END``, and of what lies between two. ``servers`` int64[steps, CPUs] is where each
    CPU goes; ``lines`` int64[servers, 3]: transfer near and far, and most CPUs that make a service
    grow. ``delays``: when each CPU but the first starts; -1: never. ``more`` int64[CPUs, n] is what
    noise adds to the operations in turn; of the first CPU the last ones are the warm-up's.

    Filled: ``took``, the first CPU's times; of the operations that lie in the time of these as a
    whole ``extra`` by cause and ``sums``: how many, how long together, how many ended, how long
    the time was; ``usage`` float64[servers, 3]: visits, busy, waited.
    """
    cpus, last_step = len(sockets), len(kinds) - 1
    pc = np.zeros(cpus, np.int64)
    resuming = np.zeros(cpus, np.bool_)  # in the middle of WORK
    done = np.zeros(cpus, np.int64)
    number = np.zeros(cpus, np.int64)
    number[0] = -warm_up
    began = np.zeros(cpus, np.int64)
    here = np.zeros(cpus, np.bool_)
    costs = np.zeros((cpus, len(extra)), np.int64)
    own = np.zeros(cpus, np.int64)
    known = np.zeros(cpus, np.int64)
    all_stolen = 0
    count = len(lines)
    free, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    total, seen = np.zeros(count), np.zeros((count, cpus))
    there = np.zeros((count, cpus + 1), np.int64)
    head, queued = np.zeros(count, np.int64), np.zeros(count, np.int64)
    visited, busy, waited = np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.int64)
    times, order = np.zeros(cpus, np.int64), np.zeros(cpus, np.int64)
    heap = np.zeros(cpus, np.int64)
    # As SimPy starts them: the others with a delay, in order, and the first one last, at once.
    size, events, since = 1, cpus, 0
    order[0] = -1
    for cpu in range(1, cpus):
        if delays[cpu] >= 0:
            times[cpu], order[cpu] = delays[cpu], cpu
            place = size
            while place and _before(times, order, cpu, heap[(place - 1) // 2]):
                heap[place] = heap[(place - 1) // 2]
                place = (place - 1) // 2
            heap[place] = cpu
            size += 1
    counting = False
    while True:
        cpu = heap[0]
        now = times[cpu]
        while True:  # until this CPU has to wait
            step = pc[cpu]
            if step == 0 and not resuming[cpu]:
                if cpu == 0 and number[0] == len(took):
                    sums[3] = now - since
                    usage[:, 0], usage[:, 1], usage[:, 2] = visited, busy, waited
                    return
                if cpu == 0 and number[0] == 0:
                    counting, since = True, now
                    visited[:], busy[:], waited[:] = 0, 0, 0
                began[cpu], here[cpu], done[cpu] = now, counting, 0
                costs[cpu] = 0
            kind, wait = kinds[step], -1
            if kind == WORK:
                if not resuming[cpu]:
                    wait = amounts[step]
                    if shares[step] >= 0:
                        change = more[cpu, number[cpu] % more.shape[1]]
                        upto = max(done[cpu], passed[step] + int(change * shares[step]))
                        wait, done[cpu] = upto - done[cpu], upto
                    known[cpu] = all_stolen - own[cpu]
                else:
                    wait = all_stolen - own[cpu] - known[cpu]
                    known[cpu] += wait
                    costs[cpu, interrupted] += wait
                resuming[cpu] = wait > 0
                if wait == 0:
                    wait = -1
            elif kind in (VISIT, BROADCAST):
                server = servers[step, cpu]
                service = rests[step] if kind == BROADCAST else amounts[step]
                wait = _turn(
                    server, cpu, sockets[cpu], now, service, visits[step], lines, growth, free,
                    total, seen, last, there, head, queued, visited, busy, waited,
                )  # fmt: skip
                if kind == BROADCAST:
                    all_stolen += stolen[step]
                    own[cpu] += stolen[step]
                costs[cpu, causes[step]] += wait - amounts[step]
                if kind == BROADCAST:
                    wait += passed[step]
                elif wait == 0:
                    wait = -1
            elif kind == PASS:
                wait = amounts[step]
            else:
                if counting:
                    sums[2] += 1
                    if here[cpu]:
                        sums[0] += 1
                        sums[1] += now - began[cpu]
                        for cause in range(len(extra)):
                            extra[cause] += costs[cpu, cause]
                if cpu == 0 and number[0] >= 0:
                    took[number[0]] = now - began[0]
                number[cpu] += 1
            if not resuming[cpu]:
                pc[cpu] = 0 if step == last_step else step + 1
            if wait >= 0:
                break
        times[cpu], order[cpu] = now + wait, events
        events += 1
        _settle(heap, size, times, order)
