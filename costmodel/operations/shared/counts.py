"""Checks the folios after operations that change entries but no counter of a folio."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.violations import Guarantee, Violation


def large_mapcount_is_kept(before: Memory, done: TableOperation) -> Callable[[Folio], bool]:
    """Return the test of whether a kernel counts the mappings of a folio in ``_large_mapcount``.

    It does if it has changed the counter of any large folio that the same level maps: PMDs may be
    counted by other code than the entries of tables. A strategy that handles both is one kernel:
    where it counts entries of tables, it must count PMDs.
    """
    found = dict.fromkeys((False, True), done.keeps_large_mapcount)
    for was in before.frames:
        now = done.frames.find(was.first_pfn)
        assert now is not None
        by_pmd = was.entire_mapcount > 0
        found[by_pmd] |= was.order > 0 and now.large_mapcount != was.large_mapcount
    found[True] |= found[False] and done.pmds_are_taken
    return lambda folio: found[folio.entire_mapcount > 0]


def check_counts_kept(before: Memory, frames: FrameTable) -> Iterator[Violation]:
    """Yield a violation for each counter of a folio, or exclusive mark, that is not as before."""
    for was in before.frames:
        now = frames.find(was.first_pfn)
        assert now is not None
        pfns = range(was.first_pfn, was.first_pfn + was.pages)
        if now.refcount != was.refcount:
            yield Violation(Guarantee.REFCOUNT, str(was), "refcount changed", pfns=pfns)
        pmds = now.entire_mapcount != was.entire_mapcount
        if pmds or now.mapcount != was.mapcount or now.large_mapcount != was.large_mapcount:
            yield Violation(Guarantee.MAPCOUNT, str(was), "mapcount changed", pfns=pfns)
        if now.exclusive != was.exclusive:
            yield Violation(Guarantee.EXCLUSIVE, str(was), "anon-exclusive changed", pfns=pfns)
