"""Finds sequential streams of lines, and which access starts the prefetch of which line.

A stream is a run of neighbouring lines, ascending or descending, in the order of their first touch.
After ``trains_after_lines`` touches, the prefetcher runs ``depth_lines`` ahead; scattered lines
never form a stream. Streams do not stop at page borders, because the streaming rate of a machine is
measured across them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.trace import Trace
from costmodel.code.uops import Subkind
from costmodel.cpu.caches import accesses
from costmodel.disk_cache import kept
from costmodel.jit import compiled
from costmodel.units import LINE_BYTES

TRACKED_LINES = 64
"""How many single lines the prefetcher remembers as possible beginnings of a stream."""
STREAMS = 64
"""How many streams are followed at the same time."""


class Prefetches(NamedTuple):
    """Prefetch requests of a trace; arrays have one entry per first touch of a stream's line.

    Requests are counted per stream, so that all iterations of a loop look the same.
    """

    row: Ints
    """The micro-op of each entry, int64[k], ascending."""
    stream: NDArray[np.int16]
    """The stream of the micro-op's line, below ``STREAMS``."""
    uses: NDArray[np.int16]
    """How many requests back in the stream this line was requested; 0 for never."""
    starts: NDArray[np.int16]
    """How many requests this micro-op starts."""
    follows: NDArray[np.int16]
    """1 where the stream had requests before these."""


def prefetches(
    trace: Trace, line_bytes: int, depth: int, trains_after: int, *, far: bool
) -> Prefetches:
    """Return the requests of a prefetcher that runs ``depth`` lines ahead.

    It starts after ``trains_after`` lines of a stream. Atomics without result fetch no line and
    train nothing where they are ``far``.
    """
    key = (trace.token, "prefetches", line_bytes, depth, trains_after, far)

    def make() -> Prefetches:
        fetched = accesses(trace, line_bytes).first
        if far:
            fetched = fetched & (trace.subkind != Subkind.RMW_STORE)
        return _requests(trace, fetched, depth, trains_after, max(line_bytes, LINE_BYTES))

    return kept(key, make)


def _requests(
    trace: Trace,
    fetched: NDArray[np.bool_],
    depth: int,
    trains_after: int,
    line_bytes: int,
) -> Prefetches:
    """Return the requests: ``depth`` of them when a stream is trained, then one per line."""
    row = np.flatnonzero(fetched) if depth else np.zeros(0, np.int64)
    line = trace.address[row] // line_bytes
    order = np.argsort(line)
    ascending = line[order]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    next_to = np.append(np.diff(ascending) == 1, False)
    stream, place = _streams(rank, next_to, trains_after)
    some = np.flatnonzero(stream >= 0)
    place = place[some] - (trains_after - 1)  # 0 where the stream is trained
    return Prefetches(
        row=row[some],
        stream=stream[some].astype(np.int16),
        uses=np.where(place > 0, depth, 0).astype(np.int16),
        starts=np.where(place < 0, 0, np.where(place > 0, 1, depth)).astype(np.int16),
        follows=(place > 0).astype(np.int16),
    )


@compiled
def _streams(rank: Ints, next_to: NDArray[np.bool_], trains_after: int) -> tuple[Ints, Ints]:
    """Return the stream of each first touch of a line (-1 for none), and its place in the stream.

    ``rank``, int64[k], numbers the lines in ascending order; ``next_to``, bool[k], tells which of
    them lies right before the next one. A stream gets the lowest number that is free, so streams
    that follow each other look the same.
    """
    count = len(rank)
    stream, place = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    lone, expected = np.full(count, -1, np.int64), np.full(count, -1, np.int64)  # by rank
    waiting = np.zeros(count, np.int64)  # ranks that became lone, in order
    first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)  # by stream
    size, step = np.zeros(count, np.int64), np.zeros(count, np.int64)
    streams = head = tail = alone = 0
    for touch in range(count):
        line = rank[touch]
        this = expected[line]
        if this < 0:
            way = 0
            if line > 0 and next_to[line - 1] and lone[line - 1] >= 0:
                way = 1
            elif next_to[line] and lone[line + 1] >= 0:
                way = -1
            if way == 0:
                lone[line] = touch
                waiting[tail] = line
                tail += 1
                alone += 1
                if alone > TRACKED_LINES:
                    while lone[waiting[head]] < 0:
                        head += 1
                    lone[waiting[head]] = -1
                    alone -= 1
                continue
            this = streams
            streams += 1
            first[this], size[this], step[this] = lone[line - way], 1, way
            stream[first[this]] = this
            lone[line - way] = -1
            alone -= 1
        stream[touch], place[touch], last[this] = this, size[this], touch
        size[this] += 1
        if step[this] > 0 and next_to[line]:
            expected[line + 1] = this
        elif step[this] < 0 and line > 0 and next_to[line - 1]:
            expected[line - 1] = this
    numbers = _numbers(first[:streams], last[:streams], size[:streams] > trains_after)
    for touch in range(count):
        if stream[touch] >= 0:
            stream[touch] = numbers[stream[touch]]
    return stream, place


@compiled
def _numbers(first: Ints, last: Ints, long: NDArray[np.bool_]) -> Ints:
    """Return a number below ``STREAMS`` for each long stream, its own from first to last touch."""
    numbers = np.full(len(first), -1, np.int64)
    free_from = np.zeros(STREAMS, np.int64)
    for stream in np.argsort(first):
        if long[stream]:
            for number in range(STREAMS):
                if free_from[number] <= first[stream]:
                    numbers[stream] = number
                    free_from[number] = last[stream] + 1
                    break
    return numbers
