"""Per-CPU lists of freed pages: what stays, and what must go on to the zone."""

from __future__ import annotations

from costmodel.mm.folio import Folio
from costmodel.operations.zap.page_lists import BATCH_PAGES, PageLists


def test_empty_lists_take_everything() -> None:
    lists = PageLists()
    assert all(lists.add(Folio(0, pfn)) == [] for pfn in range(1000))


def test_full_lists_pass_on_as_many_of_the_oldest_as_come_in() -> None:
    old = [Folio(0, pfn) for pfn in range(200)]
    lists = PageLists(old)

    leaving = [lists.add(Folio(0, 1000 + n)) for n in range(2 * BATCH_PAGES)]

    assert [len(group) for group in leaving if group] == [BATCH_PAGES, BATCH_PAGES]
    assert leaving[BATCH_PAGES - 1] == old[:BATCH_PAGES]


def test_larger_folios_count_by_their_pages_and_the_largest_are_not_kept() -> None:
    old = [Folio(2, 4 * n) for n in range(64)] + [Folio(4, 1024)]
    lists = PageLists(old)

    leaving = [lists.add(Folio(2, 4096 + 4 * n)) for n in range(16)]

    assert [len(group) for group in leaving] == [0] * 15 + [16]
