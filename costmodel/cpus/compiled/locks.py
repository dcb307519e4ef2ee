"""Locks of address spaces in compiled code, held across waits, one CPU after the other.

All that ask for one here hold it for writing, also those that turn into readers later on: for
them :class:`costmodel.cpus.resources.ReadWriteLock` is first come, first served.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Flags, Floats, Ints
from costmodel.jit import inlined

NOBODY = -1


class LockArrays(NamedTuple):
    """One entry per process: ``held`` since when, and those that wait, a ring from ``head`` on.

    ``process`` is that of each CPU. The rest is :class:`costmodel.cpus.resources.Usage` while
    operations count.
    """

    process: Ints
    held: Flags
    since: Ints
    queue: Ints
    head: Ints
    queued: Ints
    visited: Floats
    busy: Ints
    waited: Ints

    @classmethod
    def free(cls, process: Ints, threads: int) -> LockArrays:
        """Return locks that nobody holds."""
        count = int(process.max(initial=0)) + 1
        ints = np.zeros((5, count), np.int64)
        return cls(
            process=process,
            held=np.zeros(count, np.bool_),
            since=ints[0],
            queue=np.zeros((count, threads), np.int64),
            head=ints[1],
            queued=ints[2],
            visited=np.zeros(count),
            busy=ints[3],
            waited=ints[4],
        )


@inlined
def request_lock(locks: LockArrays, cpu: int, now: int) -> bool:
    """Take the lock if it is free and return True, else stand in line."""
    lock = locks.process[cpu]
    locks.visited[lock] += 1
    if not locks.held[lock]:
        locks.held[lock], locks.since[lock] = True, now
        return True
    places = locks.queue.shape[1]
    locks.queue[lock, (locks.head[lock] + locks.queued[lock]) % places] = cpu
    locks.queued[lock] += 1
    return False


@inlined
def release_lock(locks: LockArrays, cpu: int, now: int) -> int:
    """Leave the lock; return the CPU that has it now, or NOBODY."""
    lock = locks.process[cpu]
    locks.busy[lock] += now - locks.since[lock]
    locks.held[lock] = locks.queued[lock] > 0
    if not locks.held[lock]:
        return NOBODY
    following = locks.queue[lock, locks.head[lock]]
    locks.head[lock] = (locks.head[lock] + 1) % locks.queue.shape[1]
    locks.queued[lock] -= 1
    locks.since[lock] = now
    return int(following)
