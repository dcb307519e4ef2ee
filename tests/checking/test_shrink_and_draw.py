"""Layouts shrink to valid, smaller layouts, and are drawn so that a person sees them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.checking.draw import draw_memory
from costmodel.checking.shrink import shrink, smaller_layouts
from costmodel.mm.address_space import VmaKind
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private, telling_layouts
from costmodel.mm.random_layouts import random_layout
from costmodel.mm.violations import Guarantee, Violation

BROKEN = Violation(Guarantee.CONT, "child", "cont bit on 1 of 16 entries", range(18, 20))


@pytest.mark.parametrize("seed", range(8))
def test_every_smaller_layout_can_be_built(seed: int) -> None:
    for layout in smaller_layouts(random_layout(Random(seed), "it")):
        assert len(build_memory(layout, contpte=True).space.vmas) == len(layout.areas)


@given(random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_drawings_are_narrow(random: Random) -> None:
    text = draw_memory(build_memory(random_layout(random, "it"), contpte=True), [BROKEN])
    assert max(map(len, text.splitlines())) <= 74


def test_every_telling_layout_shrinks_to_one_entry() -> None:
    for layout in telling_layouts():
        smallest = shrink(layout, lambda layout: bool(list(build_memory(layout).space.entries())))
        assert [area.pages for area in smallest.areas] == [1]


def test_shrinking_keeps_what_breaks() -> None:
    def fails(layout: Layout) -> bool:
        return any(folio.order >= 2 and folio.pinned for folio in build_memory(layout).frames)

    layout = Layout("it", (private(*folios(2, 0)), private(*folios(3, 4, pinned=True))), 500)
    smallest = shrink(layout, fails)

    assert smallest == Layout("it", (private(pages(1, 2, pinned=True)),))


@pytest.mark.parametrize(("needed", "order"), [(1, 2), (3, 3)])
def test_folios_shrink_to_orders_that_anonymous_memory_has(needed: int, order: int) -> None:
    def fails(layout: Layout) -> bool:
        return any(folio.order >= needed for folio in build_memory(layout).frames)

    smallest = shrink(Layout("it", (private(*folios(1, 4)),)), fails)
    assert [folio.order for folio in build_memory(smallest).frames] == [order]


def test_shrinking_stops_when_the_budget_is_spent() -> None:
    layout = Layout("it", (private(*folios(9, 0)),))
    tried: list[Layout] = []

    def fails(layout: Layout) -> bool:
        tried.append(layout)
        return True

    shrink(layout, fails, budget=3)

    assert len(tried) == 2


def test_a_drawing_shows_folios_states_blocks_and_what_broke() -> None:
    layout = Layout(
        "it",
        (
            private(pages(18, 5), hole(1), pages(1, dirty=False), Piece(Content.SWAP, 1),
                    Piece(Content.MIGRATION, 1), Piece(Content.SPECIAL, 1),
                    pages(1, pinned=True), pages(1, writable=False), hole(600)),
            private(pages(1), dontfork=True),
            Area((pages(1),), VmaKind.SHARED, lazy=True),
        ),
    )  # fmt: skip

    assert (
        draw_memory(build_memory(layout, contpte=True), [BROKEN])
        == """\
anonymous private mapping, page 0 to 624
page 0    AAAAAAAAAAAAAAAAAA.B...DE.......................................
  index   0123456789abcdefgh.0...00.......................................
  state   WWWWWWWWWWWWWWWWWW.WSMsPr.......................................
  dirty   dddddddddddddddddd.-..ddd.......................................
  cont    [==============]................................................
  broken                    ^^
anonymous private mapping, page 625 to 625, DONTFORK
page 625  F
  index   0
  state   W
shared mapping, page 626 to 626, left to faults
page 626  G
  index   0
  state   W
W writable, r read-only, P pinned, S swap, M migration, s special
A = order-5 folio (frames 512-543), refcount 18
B = order-0 folio (frame 544), refcount 1
C = order-0 folio (frame 545), refcount 1
D = order-0 folio (frame 546), refcount 1, pinned
E = order-0 folio (frame 547), refcount 1
F = order-0 folio (frame 548), refcount 1
G = order-0 folio (frame 549), refcount 2, file"""
    )


def test_large_page_numbers_and_many_folios_are_abbreviated() -> None:
    text = draw_memory(build_memory(Layout("it", (private(*folios(60, 0)),), start=1 << 30)), [])

    assert "\n..741824  ABC" in text
    assert text.endswith("and 48 more folios")
