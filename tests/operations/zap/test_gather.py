"""The list of the mmu_gather: slots, pages and what is kept for the next round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.mm.folio import Folio
from costmodel.operations.zap.gather import (
    LIST_PAGES,
    LOCAL_SLOTS,
    MAX_SLOTS,
    PAGE_SLOTS,
    GatherList,
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
