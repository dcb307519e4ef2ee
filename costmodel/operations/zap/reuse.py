"""Computes how far back an unmap touched the struct pages that a release touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from costmodel.code.trace import TableRun
from costmodel.units import LINE_BYTES

_PARTS: Final = 2
"""In how many parts the releases of a list are distinguished. With many parts, order 0 on the 4210R
is 0.7 % faster, but every part is one more trace to run."""


def with_reuse(
    unmaps: Sequence[TableRun], releases: Iterable[TableRun], lists: float
) -> Iterator[TableRun]:
    """Yield the releases of ``lists`` lists, the last of which may be partly filled, part by part.

    Each whole list forces a flush; what is left waits for the flush at the end of the call.

    A list is unmapped, then released in the same order. For a page at the position ``x`` (0 to 1)
    of the list, the rest of the unmap and the release of the pages before it lie between the
    two: ``(1 - x) unmap + x release`` bytes. Where frames are scattered, freeing touches more than
    unmapping does: also their neighbours among the free pages.
    """
    releases = list(releases)
    share = min(1.0, 1 / lists) if lists else 0.0
    unmap, release = (share * touched_bytes(runs) for runs in (unmaps, releases))
    flushes = int(lists)
    for part in range(_PARTS):
        x = (part + 0.5) / _PARTS
        for run in releases:
            count = run.count * (part + 1) // _PARTS - run.count * part // _PARTS
            if count:
                bytes_ = (1 - x) * unmap + x * release
                yield replace(run, count=count, reuse_bytes=bytes_, flushes=flushes)
                flushes = 0


def touched_bytes(runs: Iterable[TableRun]) -> int:
    """Return how many bytes of page tables and struct pages the runs touch anew each time."""
    return sum(run.count * run.trace.lines_once for run in runs) * LINE_BYTES
