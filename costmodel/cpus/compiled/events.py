"""The next event of every CPU, in the order in which SimPy has them."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.arrays import Ints
from costmodel.jit import inlined

NEVER = 1 << 62
"""The time of a CPU that waits until another one wakes it."""


class PendingEvents(NamedTuple):
    """The next event of each CPU: when, and in which ``order`` those of the same moment come.

    ``heap`` has the CPUs that run, that of the first event at the top.
    """

    times: Ints
    order: Ints
    heap: Ints


@inlined
def _before(events: PendingEvents, one: int, other: int) -> bool:
    if events.times[one] != events.times[other]:
        return bool(events.times[one] < events.times[other])
    return bool(events.order[one] < events.order[other])


@inlined
def settle(events: PendingEvents) -> None:
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
def wake(events: PendingEvents, cpu: int, now: int, order: int) -> None:
    """Let a CPU that waits go on now, behind what is scheduled for this moment already."""
    heap, place = events.heap, 0
    events.times[cpu], events.order[cpu] = now, order
    while heap[place] != cpu:
        place += 1
    while place and _before(events, cpu, heap[(place - 1) // 2]):
        heap[place] = heap[(place - 1) // 2]
        place = (place - 1) // 2
    heap[place] = cpu
