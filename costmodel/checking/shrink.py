"""Makes a layout smaller as long as a strategy still breaks the same guarantee on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from costmodel.mm.address_space import VmaKind
from costmodel.mm.layout import Area, Content, Layout, Piece

T = TypeVar("T")

_PLAIN = Piece(Content.HOLE, 1)
_PLAIN_FIELDS = (
    "gap",
    "writable",
    "exclusive",
    "dirty",
    "marked_every",
    "soft_dirty",
    "uffd_wp",
    "file",
    "pinned",
    "elsewhere",
    "cont",
    "again",
    "pmd",
)


def shrink(layout: Layout, fails: Callable[[Layout], bool], *, budget: int = 2000) -> Layout:
    """Return the smallest layout found on which ``fails`` is true; it must be true for ``layout``.

    Again and again the first smaller layout that still fails is taken, for at most ``budget``
    trials.
    """
    trials = budget
    shrinking = True
    while shrinking and trials:
        shrinking = False
        for smaller in smaller_layouts(layout):
            trials -= 1
            if trials and fails(smaller):
                layout, shrinking = smaller, True
                break
            if not trials:
                break
    return layout


def smaller_layouts(layout: Layout) -> Iterator[Layout]:
    """Yield layouts that are one step simpler.

    They lack a mapping or a piece, have fewer pages or lower orders, or one property less.
    """
    for areas in _simpler(layout.areas, _smaller_areas):
        yield replace(layout, areas=areas)
    for start in (0, layout.start & ~15):
        if start < layout.start:
            yield replace(layout, start=start)


def _simpler(items: tuple[T, ...], smaller: Callable[[T], Iterable[T]]) -> Iterator[tuple[T, ...]]:
    """Yield the items without one of them, or with a smaller one in its place."""
    for index, item in enumerate(items):
        before, behind = items[:index], items[index + 1 :]
        if len(items) > 1:
            yield before + behind
        for one in smaller(item):
            yield (*before, one, *behind)


def _smaller_areas(area: Area) -> Iterator[Area]:
    for pieces in _simpler(area.pieces, _smaller_pieces):
        yield replace(area, pieces=pieces)
    if area.before:
        yield replace(area, before=0)
    for name in ("dontfork", "lazy", "keeps_uffd_wp", "tracks_soft_dirty"):
        if getattr(area, name):
            yield replace(area, **{name: False})  # type: ignore[arg-type]
    if area.kind is not VmaKind.ANONYMOUS:
        yield replace(area, kind=VmaKind.ANONYMOUS)


def _smaller_pieces(piece: Piece) -> Iterator[Piece]:
    if piece.order:
        # Anonymous memory has no folios of order 1.
        order = piece.order - 1 if piece.order > 2 else 0
        pages = 1 << order
        if piece.first + piece.count <= pages:
            yield replace(piece, order=order)
        elif piece.count == 1 << piece.order:
            yield replace(piece, order=order, count=pages)
    if piece.count > 1:
        yield replace(piece, count=piece.count // 2)
        yield replace(piece, count=piece.count - 1)
        if piece.content is Content.PAGES and piece.order:
            yield replace(piece, count=piece.count - 1, first=piece.first + 1)
    if piece.first:
        yield replace(piece, first=0)
    for name in _PLAIN_FIELDS:
        plain = getattr(_PLAIN, name)
        if getattr(piece, name) != plain:
            yield replace(piece, **{name: plain})
