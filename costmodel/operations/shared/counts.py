"""Checks the folios after operations that change entries but no counter of a folio."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.build import Memory
from costmodel.mm.folio import FrameTable
from costmodel.mm.violations import Guarantee, Violation


def check_counts_kept(before: Memory, frames: FrameTable) -> Iterator[Violation]:
    """Yield a violation for each counter of a folio, or exclusive mark, that is not as before."""
    for was in before.frames:
        now = frames.find(was.first_pfn)
        assert now is not None
        pfns = range(was.first_pfn, was.first_pfn + was.pages)
        if now.refcount != was.refcount:
            yield Violation(Guarantee.REFCOUNT, str(was), "refcount changed", pfns=pfns)
        if now.mapcount != was.mapcount or now.large_mapcount != was.large_mapcount:
            yield Violation(Guarantee.MAPCOUNT, str(was), "mapcount changed", pfns=pfns)
        if now.exclusive != was.exclusive:
            yield Violation(Guarantee.EXCLUSIVE, str(was), "anon-exclusive changed", pfns=pfns)
