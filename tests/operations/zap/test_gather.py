"""The list of the mmu_gather: slots, pages and what is kept for the next round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.mm.folio import Folio
from costmodel.operations.zap.gather import (
    BATCH_PAGES,
    LIST_PAGES,
    LOCAL_SLOTS,
    MAX_SLOTS,
    PAGE_SLOTS,
    GatherList,
    PageLists,
    Room,
)

FOLIO = Folio(4, 16)


def test_the_numbers_of_the_kernel() -> None:
    assert (LOCAL_SLOTS, PAGE_SLOTS, LIST_PAGES, MAX_SLOTS) == (8, 510, 19, 9698)


def test_a_full_page_asks_for_the_next() -> None:
    gather = GatherList()
    rooms = [gather.add(FOLIO, 1, 1) for _ in range(LOCAL_SLOTS + PAGE_SLOTS)]

    assert [i for i, room in enumerate(rooms) if room is Room.PAGE_ADDED] == [7, 517]
    assert set(rooms) == {Room.LEFT, Room.PAGE_ADDED}


def test_list_pages_are_kept_for_the_next_round() -> None:
    gather = GatherList()
    while gather.add(FOLIO, 1, 1) is not Room.FULL:
        pass
    assert len(gather.take()) == MAX_SLOTS

    rooms = [gather.add(FOLIO, 1, 1) for _ in range(MAX_SLOTS)]

    assert rooms.count(Room.PAGE_REUSED) == LIST_PAGES
    assert Room.PAGE_ADDED not in rooms


@given(st.lists(st.sampled_from([1, 2]), max_size=3000), st.integers(0, LIST_PAGES))
def test_no_page_takes_more_than_it_has_slots(slots: list[int], pages: int) -> None:
    gather = GatherList(pages=pages)
    gather.reserve = 2
    used = 0
    for count in slots:
        room = gather.add(FOLIO, 16, count)
        used += count
        # A page that has one slot left is given up.
        assert used <= gather.slots_used <= used + LIST_PAGES
        assert gather.slots_left >= 2 or room is Room.FULL


def test_two_slots_need_two() -> None:
    gather = GatherList()
    for _ in range(LOCAL_SLOTS - 1):
        gather.add(FOLIO, 1, 1)
    with pytest.raises(ValueError, match=r"must be at most 1 \(got 2\)"):
        gather.add(FOLIO, 16, 2)


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
