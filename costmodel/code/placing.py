"""Lets accesses that were written by hand wait for their addresses as compiled code does.

Whoever writes "load the struct page here" means code that a compiler turns into machine code: the
load cannot start before the address has been computed from the entry. Where the compiled step
computes it further down, what was written by hand moves there: to right behind the row that the
step's own first access to that page or entry waits for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.expand import PTE_BYTES
from costmodel.code.trace import ADDRESS, MEMORY, NO_PRODUCER
from costmodel.code.uops import Target
from costmodel.jit import compiled
from costmodel.units import LINE_BYTES

Ints = NDArray[np.int64]

_PAGE = int(Target.PAGE)


class PlacedRows(NamedTuple):
    """Rows of a trace that is being built, n of them in m steps."""

    target: NDArray[np.integer[Any]]
    """[n]: memory that is touched."""
    address: Ints
    """int64[n]"""
    step: Ints
    """int64[n]: the step of each row."""
    by_hand: NDArray[np.bool_]
    """bool[n]"""
    waits: NDArray[np.bool_]
    """bool[n]: accesses by hand whose addresses nobody gave."""
    reads: Ints
    """int64[k]: rows that read the entry which what follows is about."""
    page_address: Ints
    """int64[m]: address of the struct page that each step is about."""
    head_address: Ints
    """int64[m]: that of the first one of its folio."""


def placed(rows: PlacedRows, inputs: NDArray[np.int32]) -> Ints:
    """Give accesses that wait their address inputs; return the order of execution, int64[n].

    ``inputs`` int32[n, 5] name rows as they are executed afterwards; they are still in the old
    order. What was written by hand stays in its own order; compiled code never moves.

    An access waits for what the first compiled access to the same struct page or entry waits for,
    between the read of the entry and that of the next; else the first one to the page of the entry,
    to the head of its folio, or (page tables) to the same table; else a struct page waits for the
    entry itself.
    """
    producers = np.full((len(rows.target), 2), NO_PRODUCER, np.int32)
    bounds = np.append(rows.reads, len(rows.target)).astype(np.int64)
    target = rows.target.astype(np.uint8)
    _find(
        target, rows.address, inputs, rows.step, rows.by_hand, rows.waits, bounds,
        rows.page_address, rows.head_address, producers,
    )  # fmt: skip
    inputs[rows.waits, ADDRESS] = producers[rows.waits]
    place = 2 * np.arange(len(target), dtype=np.int64)
    hand = np.flatnonzero(rows.by_hand)
    behind = 2 * producers[hand].max(axis=1).astype(np.int64) + 1
    place[hand] = np.maximum.accumulate(np.maximum(place[hand], behind))
    order = np.argsort(place, kind="stable")
    now = np.empty(len(order), np.int32)
    now[order] = np.arange(len(order))
    inputs[:, :MEMORY] = np.where(inputs[:, :MEMORY] >= 0, now[inputs[:, :MEMORY]], NO_PRODUCER)
    return order


@compiled
def _find(
    target: NDArray[np.uint8],
    address: Ints,
    inputs: NDArray[np.int32],
    step: Ints,
    by_hand: NDArray[np.bool_],
    waits: NDArray[np.bool_],
    bounds: Ints,
    page_address: Ints,
    head_address: Ints,
    producers: NDArray[np.int32],
) -> None:
    span = 0
    for row in range(len(target)):
        while span < len(bounds) and bounds[span] < row:
            span += 1
        if not waits[row]:
            continue
        first = bounds[span - 1] if span else 0
        kind = target[row]
        size = LINE_BYTES if kind == _PAGE else PTE_BYTES
        best, least = -1, 4
        # The read of the next entry is looked at, too: what stands before it may be about it.
        for other in range(first, min(bounds[min(span, len(bounds) - 1)] + 1, len(target))):
            if by_hand[other] or target[other] != kind:
                continue
            place = address[other] // size
            if place == address[row] // size:
                rank = 0
            elif kind != _PAGE:
                rank = 3
            elif place == page_address[step[row]] // size:
                rank = 1
            elif place == head_address[step[row]] // size:
                rank = 2
            else:
                continue
            if rank < least:
                best, least = other, rank
        if best >= 0:
            producers[row, 0], producers[row, 1] = inputs[best, 0], inputs[best, 1]
        elif kind == _PAGE and span:
            producers[row, 0] = first
