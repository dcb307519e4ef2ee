"""Servers in compiled code, as :class:`costmodel.cpus.resources.Server`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Floats, Ints
from costmodel.jit import inlined


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


@inlined
def turn(
    servers: Servers, server: int, cpu: int, socket: int, now: int, service: int, visits: float
) -> int:
    """Take a turn; return after how many ps from now the CPU has done."""
    near = socket == servers.last[server]
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
    servers.last[server] = socket
    servers.visited[server] += visits
    servers.busy[server] += service
    servers.waited[server] += start - now
    return int(leaves - now)
