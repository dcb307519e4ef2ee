"""Layouts are values: what they are unless they say else, and their variants."""

from __future__ import annotations

from costmodel.mm.address_space import VmaKind
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private


def test_a_piece_is_a_written_page_of_this_process_alone() -> None:
    piece = Piece(Content.PAGES, 1)
    assert (piece.order, piece.first, piece.gap, piece.marked_every) == (0, 0, 0, 1)
    assert (piece.writable, piece.exclusive, piece.dirty, piece.cont) == (True,) * 4
    others = piece.again, piece.soft_dirty, piece.uffd_wp, piece.file, piece.pinned, piece.elsewhere
    assert others == (False,) * 6


def test_an_area_is_a_plain_anonymous_mapping_as_long_as_its_pieces() -> None:
    area = Area((pages(3, 2), hole(2), pages(1)))
    assert (area.pages, area.before, area.kind) == (6, 0, VmaKind.ANONYMOUS)
    assert not (area.dontfork or area.lazy or area.keeps_uffd_wp or area.tracks_soft_dirty)
    assert not area.protected
    assert area.write_protects is None
    assert Layout("it", (area,)).start == 0


def test_variants_have_names_of_their_own() -> None:
    layout = Layout("it", (private(pages(1)), private(pages(1))), note="a note")
    protected = layout.protected()
    assert (protected.name, protected.note) == ("it, protected", "a note")
    assert [vma.writable for vma in build_memory(protected).space.vmas] == [False, False]
    for protects, name in ((True, "it, userfaultfd protects"), (False, "it, userfaultfd resolves")):
        asked = layout.write_protecting(protects=protects)
        assert asked.name == name
        vmas = build_memory(asked).space.vmas
        assert [vma.write_protects for vma in vmas] == [protects, protects]


def test_words_for_common_pieces() -> None:
    assert [(piece.count, piece.order) for piece in folios(2, 3)] == [(8, 3), (8, 3)]
    assert (hole().count, hole().content) == (1, Content.HOLE)
    assert pages(5, 4, dirty=False) == Piece(Content.PAGES, 5, 4, dirty=False)


def test_what_a_layout_reveals_is_no_part_of_the_address_space() -> None:
    assert Layout("one", (), note="finds an overrun") == Layout("one", ())
    assert Layout("one", ()) != Layout("one", (), start=512)
