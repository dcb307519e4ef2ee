"""Layouts become page tables and folios."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.build import Memory, build_memory, page_of
from costmodel.mm.folio import FrameTable
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private, telling_layouts
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    EXCLUSIVE,
    FLAG_MASK,
    MIGRATION,
    PFN_SHIFT,
    PRESENT,
    SOFT_DIRTY,
    SPECIAL,
    SWAP,
    UFFD_WP,
    WRITE,
    YOUNG,
)
from costmodel.mm.random_layouts import random_layout, random_layouts
from costmodel.mm.sanity import check_cont


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


ENTRIES = {
    "written": (pages(1), PRESENT | YOUNG | WRITE | DIRTY),
    "clean": (pages(1, dirty=False), PRESENT | YOUNG | WRITE),
    "read-only": (pages(1, writable=False), PRESENT | YOUNG | DIRTY),
    "shared since a fork": (pages(1, exclusive=False), PRESENT | YOUNG | DIRTY),
    "mapped by a child too": (pages(1, elsewhere=True), PRESENT | YOUNG | DIRTY),
    "soft-dirty": (pages(1, soft_dirty=True), PRESENT | YOUNG | WRITE | DIRTY | SOFT_DIRTY),
    "protected by userfaultfd": (pages(1, uffd_wp=True), PRESENT | YOUNG | DIRTY | UFFD_WP),
    "a device": (Piece(Content.SPECIAL, 1), PRESENT | YOUNG | WRITE | DIRTY | SPECIAL),
    "swapped": (Piece(Content.SWAP, 1), SWAP | EXCLUSIVE),
    "swapped, shared": (Piece(Content.SWAP, 1, exclusive=False), SWAP),
    "swapped, both bits": (
        Piece(Content.SWAP, 1, soft_dirty=True, uffd_wp=True),
        SWAP | EXCLUSIVE | SOFT_DIRTY | UFFD_WP,
    ),
    "migrating": (Piece(Content.MIGRATION, 1), MIGRATION | WRITE),
    "migrating, read-only": (Piece(Content.MIGRATION, 1, writable=False), MIGRATION | EXCLUSIVE),
    "migrating, shared": (
        Piece(Content.MIGRATION, 1, writable=False, exclusive=False, soft_dirty=True),
        MIGRATION | SOFT_DIRTY,
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_bits_of_each_kind_of_entry(name: str) -> None:
    piece, flags = ENTRIES[name]
    [(vpn, pte)] = build_memory(Layout("it", (private(hole(3), piece),))).space.entries()
    assert (vpn, pte & FLAG_MASK) == (3, flags)


@pytest.mark.parametrize(
    ("kind", "piece", "writable"),
    [
        (VmaKind.ANONYMOUS, pages(1), True),
        (VmaKind.ANONYMOUS, pages(1, elsewhere=True), False),
        (VmaKind.SHARED, pages(1, elsewhere=True), True),
        (VmaKind.SHARED, pages(1, exclusive=False), True),
        (VmaKind.SHARED, pages(1, uffd_wp=True), False),
        (VmaKind.SHARED, pages(1, writable=False), False),
    ],
)
def test_who_may_write(kind: VmaKind, piece: Piece, writable: bool) -> None:
    """Private pages that others have are copied on a write; those of a shared mapping are not."""
    layout = Layout("it", (Area((piece,), kind),))
    for it, may in ((layout, writable), (layout.protected(), False)):
        [(_, pte)] = build_memory(it).space.entries()
        assert bool(pte & WRITE) == may


def test_frames_and_counters_of_what_others_map_or_hold() -> None:
    area = private(*folios(1, 1, elsewhere=True), *folios(1, 1, pinned=True))
    memory = build_memory(Layout("it", (area,)))
    elsewhere, pinned = memory.frames.folios
    assert (elsewhere.mapcount, elsewhere.refcount, elsewhere.exclusive) == (
        [2, 2], 4, [False, False],
    )  # fmt: skip
    assert (pinned.mapcount, pinned.refcount, pinned.exclusive) == ([1, 1], 2, [True, True])
    assert (elsewhere.pinned, pinned.pinned) == (False, True)


def test_the_page_cache_holds_each_page_of_a_file() -> None:
    memory = build_memory(Layout("it", (Area((pages(3, 2),), VmaKind.SHARED),)))
    assert memory.frames.folios[0].refcount == 4 + 3
    assert memory.space.rss == {Rss.FILE: 3}


def test_only_every_third_entry_is_marked() -> None:
    memory = build_memory(Layout("it", (private(pages(7, 3, marked_every=3)),)))
    marks = [pte & (DIRTY | YOUNG) for _, pte in memory.space.entries()]
    assert marks == [DIRTY | YOUNG if index % 3 == 0 else 0 for index in range(7)]


def test_what_lies_behind_an_entry() -> None:
    area = private(pages(2, 3, first=5), Piece(Content.SPECIAL, 2), Piece(Content.SWAP, 1))
    memory = build_memory(Layout("it", (area,), start=40))
    behind = [page_of(memory, memory.space.get(vpn)) for vpn in range(40, 46)]
    folio = memory.frames.folios[0]
    assert behind == [(folio, 5), (folio, 6), None, None, None, None]
    assert [memory.space.get(vpn) >> PFN_SHIFT for vpn in (42, 43)] == [
        (1 << 30) + 42,
        (1 << 30) + 43,
    ]


def test_a_piece_goes_on_with_the_last_folio_where_its_pages_are_free() -> None:
    def folios_of(*pieces: Piece) -> int:
        return len(build_memory(Layout("it", (private(*pieces),))).frames.folios)

    assert folios_of(pages(2, 2), pages(2, 2, first=2, again=True)) == 1
    assert folios_of(pages(2, 4, first=8), pages(3, 4, first=4, again=True)) == 1
    assert folios_of(pages(2, 4, first=8), pages(3, 4, first=6, again=True)) == 2
    assert folios_of(pages(2, 2, again=True)) == 1, "there is none before"
    assert folios_of(*folios(5, 0)) == folios_of(pages(5)) == 5
    with pytest.raises(ValueError, match="leaves its folio"):
        folios_of(pages(2, 2), pages(3, 2, first=2, again=True))


def test_contiguous_blocks_need_aligned_entries_and_frames() -> None:
    def blocks(*pieces: Piece, start: int = 0) -> list[int]:
        memory = build_memory(Layout("it", (private(*pieces),), start=start), contpte=True)
        return [vpn for vpn, pte in memory.space.entries() if pte & CONT]

    assert blocks(pages(32, 5)) == [*range(32)]
    assert blocks(pages(32, 5), start=8) == []
    assert blocks(pages(27, 5, first=5), start=5) == [*range(16, 32)]
    assert blocks(pages(16, 4, cont=False), pages(16, 4)) == [*range(16, 32)]
    assert blocks(pages(15, 4, first=1), start=1) == []
    assert blocks(Piece(Content.SPECIAL, 16)) == []


def test_a_copy_of_memory_is_independent() -> None:
    memory = build_memory(Layout("it", (private(pages(1)),)))
    twin = memory.copy()
    memory.space.put(0, 0)
    memory.frames.folios[0].map_page(0)
    assert twin.space.get(0)
    assert twin.frames.folios[0].mapcount == [1]


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
