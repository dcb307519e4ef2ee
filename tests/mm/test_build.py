"""Layouts become page tables and folios."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.build import Memory, build_memory
from costmodel.mm.folio import FrameTable
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private, telling_layouts
from costmodel.mm.pte import CONT, MIGRATION, PRESENT, SPECIAL, SWAP, WRITE
from costmodel.mm.random_layouts import random_layout, random_layouts
from costmodel.mm.sanity_cont import check_cont


def mapcounts(memory: Memory) -> tuple[int, int]:
    """Return the sum of all mapcounts and the number of present entries with a folio."""
    counted = sum(sum(folio.mapcount) for folio in memory.frames)
    present = sum(pte & (PRESENT | SPECIAL) == PRESENT for _, pte in memory.space.entries())
    return counted, present


def test_pieces_lie_one_after_another() -> None:
    area = private(pages(2), hole(3), pages(4, 3, first=2), before=1)
    memory = build_memory(Layout("it", (private(pages(1)), area), start=10))

    assert [(vma.start, vma.end) for vma in memory.space.vmas] == [(10, 11), (12, 21)]
    assert [vpn for vpn, _ in memory.space.entries()] == [10, 12, 13, 17, 18, 19, 20]
    assert memory.space.get(17) >> 16 == 520 + 2
    assert memory.space.rss[Rss.ANON] == 7


def test_neighbouring_folios_have_consecutive_frames_unless_told_otherwise() -> None:
    together = build_memory(Layout("it", (private(*folios(2, 4)),)))
    apart = build_memory(Layout("it", (private(*folios(2, 4, gap=1)),)))

    assert [folio.first_pfn for folio in together.frames] == [512, 528]
    assert [folio.first_pfn for folio in apart.frames] == [512, 544]


def test_a_folio_may_be_mapped_in_parts() -> None:
    area = private(pages(2, 3), hole(), pages(3, 3, first=4, again=True))
    again_but_taken = private(pages(2, 3), pages(2, 3, first=1, again=True))

    assert build_memory(Layout("it", (area,))).frames.folios[0].mapcount == [1, 1, 0, 0, 1, 1, 1, 0]
    assert len(build_memory(Layout("it", (again_but_taken,))).frames.folios) == 2


def test_a_piece_must_fit_into_its_folio() -> None:
    with pytest.raises(ValueError, match=r"piece leaves its folio \(got Piece"):
        build_memory(Layout("it", (private(pages(3, 2, first=2)),)))


def test_cont_bits_need_a_kernel_that_uses_them_and_a_whole_block() -> None:
    layout = Layout("it", (private(hole(1), pages(20, 5, first=1), *folios(1, 4)),))

    assert not any(pte & CONT for _, pte in build_memory(layout).space.entries())
    assert not any(pte & CONT for _, pte in build_memory(layout, contpte=True).space.entries())
    aligned = Layout("it", (private(pages(20, 5)),))
    bits = [bool(pte & CONT) for _, pte in build_memory(aligned, contpte=True).space.entries()]
    assert bits == [True] * 16 + [False] * 4


def test_pages_of_a_private_file_are_never_writable() -> None:
    area = Area((pages(1, file=True), pages(1)), VmaKind.PRIVATE_FILE)
    memory = build_memory(Layout("it", (area,)))
    file, anon = memory.frames.folios

    assert [bool(pte & WRITE) for _, pte in memory.space.entries()] == [False, True]
    assert (file.anon, file.refcount, file.exclusive) == (False, 2, [False])
    assert (anon.anon, anon.refcount, anon.exclusive) == (True, 1, [True])


def test_entries_that_are_not_present() -> None:
    area = private(
        Piece(Content.SWAP, 2),
        Piece(Content.MIGRATION, 1),
        Piece(Content.MIGRATION, 1, writable=False, exclusive=False),
        Piece(Content.SPECIAL, 1),
    )
    memory = build_memory(Layout("it", (area,)))

    kinds = [pte & (SWAP | MIGRATION | SPECIAL) for _, pte in memory.space.entries()]
    assert kinds == [SWAP, SWAP, MIGRATION, MIGRATION, SPECIAL]
    assert memory.frames.swap_count == {1: 1, 2: 1}
    assert memory.space.rss == {Rss.SWAP: 2, Rss.ANON: 2}


@given(random=st.randoms(use_true_random=False), contpte=st.booleans())
@settings(deadline=None, max_examples=50)
def test_random_layouts_are_sound_before_anything_happens(random: Random, contpte: bool) -> None:
    memory = build_memory(random_layout(random, "it"), contpte=contpte)

    elsewhere = sum(count - 1 for folio in memory.frames for count in folio.mapcount if count > 1)
    counted, present = mapcounts(memory)
    assert counted == present + elsewhere
    assert list(check_cont("it", memory.space, memory.frames)) == []


def test_random_layouts_are_the_same_for_the_same_seed() -> None:
    assert list(random_layouts(5, 3)) == list(random_layouts(5, 3))
    assert list(random_layouts(5, 3)) != list(random_layouts(5, 4))


def test_telling_layouts_have_distinct_names_and_some_content() -> None:
    layouts = telling_layouts()

    assert len({layout.name for layout in layouts}) == len(layouts) >= 35
    assert all(list(build_memory(layout).space.entries()) for layout in layouts)
    assert isinstance(build_memory(layouts[0]).frames, FrameTable)
