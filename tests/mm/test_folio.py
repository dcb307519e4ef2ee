"""Folios and the frame table."""

from __future__ import annotations

import pytest

from costmodel.mm.folio import Folio, FrameTable


def test_a_frame_table_finds_the_folio_of_each_frame() -> None:
    frames = FrameTable()
    first = frames.add(Folio(2, 8))
    second = frames.allocate(3)

    assert (second.first_pfn, second.page(18)) == (16, 2)
    assert frames.find(11) is first
    assert frames.find(12) is None
    assert list(frames) == [first, second]


def test_a_new_folio_is_anonymous_and_nobody_has_it() -> None:
    folio = Folio(2, 0)
    assert (folio.anon, folio.pinned, folio.dirty, folio.freed) == (True, False, False, 0)
    assert (folio.pages, folio.refcount, folio.large_mapcount) == (4, 0, 0)
    assert (folio.mapcount, folio.exclusive, folio.mapped) == ([0] * 4, [False] * 4, False)
    assert [folio.page(pfn) for pfn in range(4)] == [0, 1, 2, 3]
    assert FrameTable().allocate().anon


def test_each_mapping_of_each_page_holds_a_reference() -> None:
    twice = Folio(1, 2, mapped=2, exclusive=True)
    assert (twice.mapcount, twice.refcount, twice.large_mapcount) == ([2, 2], 4, 4)
    assert twice.exclusive == [True, True]
    twice.map_page(1)
    assert (twice.mapcount, twice.refcount, twice.large_mapcount) == ([2, 3], 5, 5)


@pytest.mark.parametrize("page", [0, 1, 3])
def test_a_folio_is_mapped_by_any_of_its_pages(page: int) -> None:
    folio = Folio(2, 8)
    folio.map_page(page)
    assert folio.mapped


def test_frames_are_given_out_behind_the_last_one_in_use() -> None:
    frames = FrameTable()
    firsts = [frames.allocate(order, skip=skip).first_pfn for order, skip in
              ((0, 0), (0, 0), (2, 0), (2, 1), (0, 3))]  # fmt: skip
    assert firsts == [0, 1, 4, 12, 19]
    frames.add(Folio(0, 5 + 3))
    assert frames.allocate().first_pfn == 20, "what lies below was in use before"


def test_folios_are_aligned_and_disjoint() -> None:
    frames = FrameTable()
    frames.add(Folio(2, 8))

    with pytest.raises(ValueError, match=r"must be aligned to it \(got first_pfn 6\)|aligned"):
        Folio(2, 6)
    with pytest.raises(ValueError, match="frame 8 already belongs to order-2 folio"):
        frames.add(Folio(3, 8))


def test_a_copy_is_independent() -> None:
    frames = FrameTable()
    folio = frames.add(Folio(1, 2, pinned=True))
    folio.map_page(1, 2)
    frames.swap_count[5] = 1

    twin = frames.copy()
    folio.map_page(0)
    frames.swap_count[5] = 2

    copied = twin.find(3)
    assert copied is not None
    assert (copied.refcount, copied.mapcount, copied.large_mapcount) == (2, [0, 2], 2)
    assert copied.pinned
    assert copied.anon
    assert twin.allocate().first_pfn == 4
    assert twin.swap_count == {5: 1}


def test_folios_name_themselves_by_order_and_frames() -> None:
    assert str(Folio(0, 7)) == "order-0 folio (frame 7)"
    assert str(Folio(4, 16)) == "order-4 folio (frames 16-31)"
