"""Sequential streams of lines, and which access starts the prefetch of which line.

A stream is a run of neighbouring lines, ascending or descending, in the order of first touch.
After ``trains_after_lines`` touches the prefetcher runs ``depth_lines`` ahead; scattered lines
never form a stream. Streams do not stop at page borders: the streaming rate of a machine is
measured over them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import Trace
from costmodel.code.uops import Flavour
from costmodel.cpu.caches import accesses
from costmodel.cpu.memo import remembered
from costmodel.cpu.reuse import Ints
from costmodel.units import LINE_BYTES

TRACKED_LINES = 64
"""Lone lines that the prefetcher remembers as possible beginnings of a stream."""
STREAMS = 64
"""Streams that are followed at the same time."""


class Prefetches(NamedTuple):
    """Prefetch requests of one trace; arrays have one entry per first touch of a stream's line.

    Requests are numbered per stream, so that every turn of a loop looks the same.
    """

    row: Ints
    """int64[k], the micro-ops, ascending."""
    stream: NDArray[np.int16]
    """Stream of the micro-op's line, below ``STREAMS``."""
    uses: NDArray[np.int16]
    """Requests back in the stream to the one for this micro-op's line, 0 for none."""
    starts: NDArray[np.int16]
    """Number of requests that this micro-op starts."""
    follows: NDArray[np.int16]
    """1 where the stream had requests before those."""


def prefetches(
    trace: Trace, line_bytes: int, depth: int, trains_after: int, *, far: bool
) -> Prefetches:
    """Return the requests of a prefetcher that runs ``depth`` lines ahead.

    Where result-less atomics are ``far`` they fetch no line and train nothing.
    """
    key = ("prefetches", line_bytes, depth, trains_after, far)

    def make() -> Prefetches:
        fetched = accesses(trace, line_bytes).first
        if far:
            fetched = fetched & (trace.flavour != Flavour.RMW_STORE)
        return _requests(trace, fetched, depth, trains_after, max(line_bytes, LINE_BYTES))

    return remembered(trace, key, make, large=True)


@dataclass
class _Stream:
    step: int
    rows: list[int] = field(default_factory=list)


def _streams(rows: Ints, lines: Ints) -> list[_Stream]:
    """Group first touches into streams of at least two lines."""
    expected: dict[int, _Stream] = {}
    lone: dict[int, int] = {}
    found: list[_Stream] = []
    for row, line in zip(rows.tolist(), lines.tolist(), strict=True):
        stream = expected.pop(line, None)
        if stream is None:
            step = next((s for s in (1, -1) if line - s in lone), 0)
            if step == 0:
                lone[line] = row
                if len(lone) > TRACKED_LINES:
                    del lone[next(iter(lone))]
                continue
            stream = _Stream(step, [lone.pop(line - step)])
            found.append(stream)
        stream.rows.append(row)
        expected[line + stream.step] = stream
    return found


def _requests(
    trace: Trace,
    fetched: NDArray[np.bool_],
    depth: int,
    trains_after: int,
    line_bytes: int,
) -> Prefetches:
    """Number the requests: ``depth`` of them when a stream is trained, then one per line."""
    if depth == 0:
        return _in_order([])
    rows = np.flatnonzero(fetched).astype(np.int64)
    streams = _streams(rows, trace.address[rows] // line_bytes)
    long = [stream.rows for stream in streams if len(stream.rows) > trains_after]
    free_from = [0] * STREAMS
    found: list[tuple[int, int, int, int, int]] = []
    for lines in sorted(long):
        # The lowest free number: streams that follow each other look the same.
        number = next((i for i, row in enumerate(free_from) if row <= lines[0]), None)
        if number is None:
            continue
        free_from[number] = lines[-1] + 1
        training, following = lines[:trains_after], lines[trains_after:]
        found += [(row, number, 0, 0, 0) for row in training[:-1]]
        found.append((training[-1], number, 0, depth, 0))
        found += [(row, number, depth, 1, 1) for row in following]
    return _in_order(found)


def _in_order(found: list[tuple[int, int, int, int, int]]) -> Prefetches:
    row, *columns = np.array(sorted(found), np.int64).reshape(-1, 5).T
    return Prefetches(row, *(column.astype(np.int16) for column in columns))
