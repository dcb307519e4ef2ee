"""Shared things in SimPy: servers that CPUs wait for, and locks that they hold while they wait.

Times are integer picoseconds. CPUs are served in the order in which they arrive; those that arrive
at the same moment are served in the order in which SimPy runs them, which is always the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import simpy

Events = Generator[simpy.Event, Any, None]


@dataclass
class Usage:
    """How a shared thing was used; times are picoseconds, summed over CPUs."""

    visits: float = 0.0
    busy_ps: int = 0
    waited_ps: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both uses."""
        return Usage(
            self.visits + other.visits,
            self.busy_ps + other.busy_ps,
            self.waited_ps + other.waited_ps,
        )

    def __sub__(self, before: Usage) -> Usage:
        """Return the use since ``before``."""
        return Usage(
            self.visits - before.visits,
            self.busy_ps - before.busy_ps,
            self.waited_ps - before.waited_ps,
        )


class Thing(NamedTuple):
    """A shared thing of a kind (``name``).

    ``where`` is the socket or the address space that it belongs to; 0 for the only one of its kind.
    ``is_held`` marks a lock that is held while CPUs wait, as opposed to the line that it is in.
    """

    name: str
    where: int = 0
    is_held: bool = False


@dataclass
class Server:
    """Serves one CPU after the other: a lock, a cache line, the interconnect, a memory bus.

    The service time of a visit is known when a CPU arrives, so one SimPy timeout stands for
    request, service and release; a test compares it with ``simpy.Resource``. A visit after that of
    another CPU begins with the transfer of the line: ``line_ps`` within a socket, ``far_line_ps``
    between two. One visit may stand for ``visits`` of them in a row; the number of transfers is
    then at most that of the other CPUs' visits since this CPU's last one.
    """

    env: simpy.Environment
    line_ps: int = 0
    far_line_ps: int = 0
    growth: float = 0.0
    """The share by which a service grows for each CPU that is there already."""
    most_waiting: int = 1 << 30
    """The most CPUs by which a service grows."""
    usage: Usage = field(default_factory=Usage)
    free_ps: int = 0
    _visits: float = 0.0
    _seen: dict[int, float] = field(default_factory=dict)
    socket: int = 0
    """The socket of the CPU that visited it last."""
    _there: deque[int] = field(default_factory=deque)

    def visit(self, cpu: int, socket: int, service_ps: int, visits: float = 1.0) -> int:
        """Take a turn at the server; return in how many picoseconds the CPU is done."""
        now = int(self.env.now)
        transfer = self.line_ps if socket == self.socket else self.far_line_ps
        others = self._visits - self._seen.get(cpu, 0.0)
        service_ps += round(min(visits, others) * transfer)
        if self.growth:
            service_ps = round(service_ps * (1 + self.growth * self._waiting(now)))
        start = max(now, self.free_ps)
        self.free_ps = start + service_ps
        if self.growth:
            self._there.append(self.free_ps)
        self._visits += visits
        self._seen[cpu], self.socket = self._visits, socket
        self.usage.visits += visits
        self.usage.busy_ps += service_ps
        self.usage.waited_ps += start - now
        return self.free_ps - now

    def _waiting(self, now: int) -> int:
        while self._there and self._there[0] <= now:
            self._there.popleft()
        return min(len(self._there), self.most_waiting)


@dataclass
class ReadWriteLock:
    """A fair lock for many readers or one writer, which is held while its owner waits elsewhere."""

    env: simpy.Environment
    usage: Usage = field(default_factory=Usage)
    _readers: int = 0
    _writing: bool = False
    _since_ps: int = 0
    _queue: deque[tuple[simpy.Event, bool]] = field(default_factory=deque)

    def acquire(self, *, write: bool) -> Events:
        """Wait for the lock; a reader waits for writers that wait already."""
        began = int(self.env.now)
        self.usage.visits += 1
        if self._queue or self._writing or (write and self._readers):
            turn = self.env.event()
            self._queue.append((turn, write))
            yield turn
            self.usage.waited_ps += int(self.env.now) - began
        else:
            self._enter(write=write)

    def downgrade(self) -> None:
        """Turn the writer into a reader, and let waiting readers in."""
        self._writing, self._readers = False, 1
        self._admit()

    def release(self, *, write: bool) -> None:
        """Release the lock, and let the next ones in."""
        if write:
            self._writing = False
        else:
            self._readers -= 1
        if not self._readers and not self._writing:
            self.usage.busy_ps += int(self.env.now) - self._since_ps
        self._admit()

    def _enter(self, *, write: bool) -> None:
        if not self._readers and not self._writing:
            self._since_ps = int(self.env.now)
        if write:
            self._writing = True
        else:
            self._readers += 1

    def _admit(self) -> None:
        while self._queue:
            turn, write = self._queue[0]
            if self._writing or (write and self._readers):
                return
            self._queue.popleft()
            self._enter(write=write)
            turn.succeed()
