"""Lets accesses that were written by hand wait for their addresses as compiled code does.

"Load the struct page here" means code that a compiler turns into machine code: the load cannot
start before its address has been computed from the entry. If the compiled step computes the address
further down, the hand-written micro-ops move there, right behind the row that the step's own first
access to this page or entry waits for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.trace import ADDRESS, MEMORY, NO_PRODUCER
from costmodel.code.uops import Target
from costmodel.jit import compiled
from costmodel.mm.pte import PTE_BYTES
from costmodel.units import LINE_BYTES

_PAGE = int(Target.PAGE)


class PlacedRows(NamedTuple):
    """The rows of a trace that is being built: n rows in m steps."""

    target: NDArray[np.integer[Any]]
    """The memory that each row touches, [n]."""
    address: Ints
    """The address of each row, int64[n]."""
    step: Ints
    """The step of each row, int64[n]."""
    by_hand: NDArray[np.bool_]
    """Which rows are written by hand, bool[n]."""
    waits: NDArray[np.bool_]
    """Which rows are hand-written accesses without a given address input, bool[n]."""
    reads: Ints
    """The rows that read an entry; all rows up to the next one are about it, int64[k]."""
    page_address: Ints
    """The address of the struct page that each step is about, int64[m]."""
    head_address: Ints
    """The address of the first struct page of its folio, int64[m]."""


def placed(rows: PlacedRows, inputs: NDArray[np.int32]) -> Ints:
    """Set the address inputs of accesses that wait, and return the order of execution, int64[n].

    Afterwards ``inputs``, int32[n, 5], name rows by their new positions, but are still in the old
    order themselves. Hand-written micro-ops keep their order; compiled code never moves.

    An access waits for what the first compiled access to the same struct page or entry waits for,
    between the read of this entry and that of the next one. If there is none, the access to the
    entry's page, to its folio's head or (for page tables) to the same table takes its place, and
    else an access to a struct page waits for the entry itself.
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
