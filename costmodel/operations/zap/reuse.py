"""Computes when a release met its struct pages last: those of the unmap, and those of buddies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from costmodel.code.library import Library
from costmodel.code.sequences import numbered
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Target
from costmodel.mm.shapes import TableShape
from costmodel.operations.zap.gather import MAX_SLOTS
from costmodel.units import LINE_BYTES

_PARTS: Final = 2
"""In how many parts the releases of a list are distinguished. With many parts, order 0 on the 4210R
is 0.7 % faster, but every part is one more trace to run."""


class Lists(NamedTuple):
    """The gather lists of an unmap, the last of which may be partly filled.

    ``flushes``: how many of them force a flush; what is left waits for the flush of the call.
    ``pages``: how many pages a list holds, in the mean, which is what its flush is for.
    """

    number: float
    flushes: int
    pages: int

    @classmethod
    def of(cls, slots: int, pages: int) -> Lists:
        """Return the lists that ``pages`` pages in ``slots`` slots fill; whole ones are flushed."""
        number = slots / MAX_SLOTS
        return cls(number, slots // MAX_SLOTS, round(pages / number) if slots else 0)


def with_reuse(
    unmaps: Sequence[TableRun], releases: Iterable[TableRun], lists: Lists
) -> Iterator[TableRun]:
    """Yield the releases of lists, part by part.

    A list is unmapped, then released in the same order. For a page at the position ``x`` (0 to 1)
    of the list, the rest of the unmap and the release of the pages before it lie between the
    two: ``(1 - x) unmap + x release`` bytes. Where frames are scattered, freeing touches more than
    unmapping does: also their neighbours among the free pages.
    """
    releases = [replace(run, flushed_pages=lists.pages) for run in releases]
    flushes = lists.flushes
    share = min(1.0, 1 / lists.number) if lists.number else 0.0
    unmap, release = (share * streamed_bytes(runs) for runs in (unmaps, releases))
    for part in range(_PARTS):
        x = (part + 0.5) / _PARTS
        for run in releases:
            count = run.count * (part + 1) // _PARTS - run.count * part // _PARTS
            if count:
                bytes_ = (1 - x) * unmap + x * release
                yield replace(run, count=count, reuse_bytes=bytes_, flushes=flushes)
                flushes = 0


def streamed_bytes(runs: Iterable[TableRun]) -> int:
    """Return how many bytes of page tables and struct pages the runs touch anew each time."""
    return sum(run.count * run.trace.lines_once for run in runs) * LINE_BYTES


_BUDDY_ALLOCATOR: Final = "__free_one_page"
"""The function that checks whether the buddy of a page is free, merges the two, and links them."""


def share_apart(shape: TableShape) -> float:
    """Return the share of a table's folios, 0 to 1, that do not follow the one before in memory.

    Where they do, the buddies of released pages are released together with them.
    """
    behind = [pfn + (1 << order) for pfn, order in zip(shape.first_pfns, shape.orders, strict=True)]
    following = zip(behind[:-1], shape.first_pfns[1:], strict=True)
    return sum(end != pfn for end, pfn in following) / max(1, len(behind) - 1)


def lie_apart(shape: TableShape) -> bool:
    """Tell whether any folio of a table does not follow the one before."""
    return share_apart(shape) > 0


def with_buddies(trace: Trace, library: Library) -> Trace:
    """Return the trace with the target BUDDY for struct pages that only the allocator touches."""
    row = np.flatnonzero(trace.target == Target.PAGE)
    site, first = numbered(trace.site[row].astype(np.int64))
    its = library.site[library.function == _BUDDY_ALLOCATOR]
    allocator = np.isin(trace.site[row[first]], its)[site]
    line, _ = numbered(trace.line[row])
    released = np.zeros(len(row), np.bool_)
    released[line[~allocator]] = True
    target = trace.target.copy()
    target[row[allocator & ~released[line]]] = Target.BUDDY
    return replace(trace, target=target)
