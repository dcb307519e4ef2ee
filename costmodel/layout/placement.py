"""How the folios of memory lie in physical memory, and how a scenario says it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.config.frames import CONTIGUOUS, SCATTERED
from costmodel.config.sizes import size_text
from costmodel.units import LARGEST_ORDER, PAGE_BYTES

_TABLE_BYTES = PAGE_BYTES << LARGEST_ORDER
_LEAST_ALONE = 0.01


class Placement(NamedTuple):
    """How folios lie."""

    alone: float
    """Share of the pages in folios that lie alone: no other folio is their neighbour both in
    virtual and in physical memory."""
    run_bytes: int | None
    """Bytes in the run of frames that one of the other pages lies in, averaged over these pages;
    None where all lie alone."""
    span_bytes: int
    """Bytes of physical memory from the first to the last frame."""

    def frames(self, order: int) -> str | dict[str, str]:
        """Return it as ``frames`` of a scenario whose largest folios have this order."""
        # The model has runs of a folio to a whole table.
        run = min(self.run_bytes or _TABLE_BYTES, _TABLE_BYTES)
        if self.alone > 1 - _LEAST_ALONE:
            return SCATTERED
        if self.alone < _LEAST_ALONE and run == _TABLE_BYTES:
            return CONTIGUOUS
        run = max(1 << (run.bit_length() - 1), PAGE_BYTES << order)
        return {"scattered": f"{max(100 * self.alone, 0.1):.1f}%", "run": size_text(run)}


def placement_of(
    address: NDArray[np.int64], frame: NDArray[np.int64], orders: NDArray[np.int64] | None
) -> Placement:
    """Return how pages lie, from the numbers of their virtual pages and of their frames.

    ``orders``: those of their folios; None: all have one page. A run consists of pages that follow
    each other in virtual memory, and whose frames follow each other upwards or downwards in
    physical memory. Its mean is over pages, so a long run counts once for each of its pages.
    """
    breaks = np.flatnonzero((np.diff(address) != 1) | (abs(np.diff(frame)) != 1)) + 1
    starts = np.concatenate([[0], breaks])
    lengths = np.diff([*starts, len(frame)])
    own = np.ones(len(starts), np.int64) if orders is None else 1 << orders[starts]
    alone = lengths <= own
    together = lengths[~alone]
    # Weighted by pages: the run that a page finds itself in.
    mean = int((together**2).sum() / together.sum()) if len(together) else 0
    span = int(frame.max()) - int(frame.min()) + 1
    share = float(lengths[alone].sum() / len(frame))
    return Placement(share, mean * PAGE_BYTES or None, span * PAGE_BYTES)
