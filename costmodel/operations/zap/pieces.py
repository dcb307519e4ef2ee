"""Cuts what a table executes into pieces and traces those that differ, however often they occur.

A piece knows nothing of those around it: a prefetch stream starts again in each, and some branches
are less predictable. On the 4210R that makes an unmap of scattered pages 0.7 to 1.5 % too slow, on
the Altra 1 to 2.5 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.build import build
from costmodel.code.cache import trace_bytes
from costmodel.code.library import Library
from costmodel.code.record import Record
from costmodel.code.trace import Trace

Ints = NDArray[np.int64]

PIECE_PTES: Final = 64


@dataclass(frozen=True)
class Piece:
    """A part of one table that occurs ``count`` times in it."""

    trace: Trace
    count: int
    ptes: int


Pieces = tuple[Piece, ...]


def unmap_pieces(record: Record, library: Library, ptes: int) -> Pieces:
    """Cut a table before every so-many-th entry, where a batch does not reach over it.

    What comes before the first entry is a part of its own: the others are then more alike.
    """
    reads = np.flatnonzero(_ends_with(record, library, "read"))
    starts, slots = [0], [0]
    for index, slot in zip(reads.tolist(), record.contexts[reads, 0].tolist(), strict=True):
        if len(starts) == 1 or slot >= slots[-1] + PIECE_PTES:
            starts.append(index)
            slots.append(slot)
    entries = np.diff([*slots, ptes]).tolist()
    return _traced(record, library, starts, entries, "unmap")


def release_pieces(record: Record, library: Library) -> Pieces:
    """Cut a release before every batch, which begins with a walk over the list."""
    takes = _ends_with(record, library, "take")
    starts = np.flatnonzero(takes & ~np.append(False, takes[:-1])).tolist()
    return _traced(record, library, starts, [0] * len(starts), "release")


def pieces_bytes(pieces: Pieces) -> int:
    """Return the bytes of their traces."""
    return sum(trace_bytes(piece.trace) for piece in pieces)


def _ends_with(record: Record, library: Library, event: str) -> NDArray[np.bool_]:
    """Tell which steps end with an event, bool[m]."""
    ends = np.array([name == event for name in library.path_events], np.bool_)
    return (record.paths >= 0) & ends[np.maximum(record.paths, 0)]


def _traced(
    record: Record, library: Library, starts: list[int], ptes: list[int], segment: str
) -> Pieces:
    """Cut a record before some steps; count parts that execute the same, trace the first of each.

    ``ptes`` are the entries that each part covers.
    """
    # Hand-written micro-ops are told by where they stand.
    kinds = np.maximum(record.paths, -1)
    bounds = list(pairwise([*starts, len(kinds)]))
    alike: dict[tuple[int, bytes, bytes], list[slice]] = {}
    for (start, end), entries in zip(bounds, ptes, strict=True):
        part = slice(start, end)
        key = entries, kinds[part].tobytes(), record.masks[part].tobytes()
        alike.setdefault(key, []).append(part)
    rows = np.cumsum(np.append(0, library.lengths(record.paths)))
    return tuple(
        Piece(build(_cut(record, parts[0], rows), library, "zap", segment), len(parts), entries)
        for (entries, *_), parts in alike.items()
    )


def _cut(record: Record, part: slice, rows: Ints) -> Record:
    """Return a part of a record; hand-written micro-ops get numbers of their part."""
    cut = replace(record.chosen(part), row=int(rows[part.start]))
    by_hand = np.flatnonzero(cut.paths < 0)
    uops = tuple(record.uops[-1 - path] for path in cut.paths[by_hand].tolist())
    paths = cut.paths.copy()
    paths[by_hand] = -1 - np.arange(len(by_hand))
    return replace(cut, paths=paths, uops=uops)
