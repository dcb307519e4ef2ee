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
    assert twin.swap_count == {5: 1}


def test_folios_name_themselves_by_order_and_frames() -> None:
    assert str(Folio(0, 7)) == "order-0 folio (frame 7)"
    assert str(Folio(4, 16)) == "order-4 folio (frames 16-31)"
