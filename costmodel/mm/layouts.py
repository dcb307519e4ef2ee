"""The telling layouts: small address spaces of kinds that break, or could break, copy loops.

Every strategy is checked on them before the random ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from costmodel.mm.address_space import VmaKind
from costmodel.mm.layout import Area, Content, Layout, Piece


def pages(count: int, order: int = 0, **state: object) -> Piece:
    """Return a piece of ``count`` present entries; ``state`` are other fields of :class:`Piece`."""
    return Piece(Content.PAGES, count, order, **state)  # type: ignore[arg-type]


def folios(number: int, order: int, **state: object) -> tuple[Piece, ...]:
    """Return pieces for ``number`` whole folios in a row; ``state`` is that of :func:`pages`."""
    return tuple(pages(1 << order, order, **state) for _ in range(number))


def hole(count: int = 1) -> Piece:
    """Return a piece of ``count`` empty entries."""
    return Piece(Content.HOLE, count)


def private(*pieces: Piece, **fields: object) -> Area:
    """Return an anonymous private mapping; ``fields`` holds other fields of :class:`Area`."""
    return Area(pieces, **fields)  # type: ignore[arg-type]


def telling_layouts() -> tuple[Layout, ...]:
    """Return the fixed layouts that every strategy is checked on."""
    return (
        *_folio_layouts(),
        *_flag_layouts(),
        *_pinned_layouts(),
        *_nonpresent_layouts(),
        *_tracked_layouts(),
        *_vma_layouts(),
        *_contpte_layouts(),
        *_pmd_layouts(),
    )


def _pmd_layouts() -> Iterator[Layout]:
    """Folios that PMDs map: no loop over tables sees them."""
    huge = pages(512, 9, pmd=True)
    yield Layout("folio by its PMD", (private(huge),))
    yield Layout(
        "PMDs in all states",
        (
            private(
                huge,
                replace(huge, writable=False, exclusive=False),
                replace(huge, elsewhere=True),
                replace(huge, writable=False, dirty=False, soft_dirty=True),
            ),
        ),
        note="each entry stands for 512 pages, and a table waits beside it",
    )
    yield Layout(
        "PMDs and tables", (private(huge, *folios(2, 4), *folios(3, 0)), private(huge, before=477))
    )
    yield Layout(
        "PMDs of tracked mappings",
        (
            private(replace(huge, uffd_wp=True), keeps_uffd_wp=True),
            private(replace(huge, uffd_wp=True, soft_dirty=True), tracks_soft_dirty=True),
        ),
    )
    yield Layout("PMDs that fork leaves out", (private(huge, dontfork=True), private(huge)))


def _folio_layouts() -> Iterator[Layout]:
    """Folios of all sizes, whole, partial and next to each other."""
    yield Layout(
        "adjacent order-4 folios",
        (private(*folios(2, 4), *folios(1, 4, gap=16)),),
        note="consecutive frames, equal attributes: only the folio's end stops a batch",
    )
    yield Layout("order-0", (private(*folios(20, 0)),))
    yield Layout("order-2", (private(*folios(6, 2)),))
    yield Layout(
        "mixed orders",
        (private(*folios(3, 0), *folios(2, 2), *folios(2, 4), *folios(2, 1), *folios(1, 3)),),
    )
    yield Layout("order-9", (private(*folios(1, 9)),))
    yield Layout(
        "partially mapped folios",
        (private(pages(5, 4, first=3), pages(7, 3, first=1), pages(2, 2), pages(3, 2, first=1)),),
    )
    yield Layout(
        "folio with a hole",
        (private(pages(6, 4), hole(2), pages(8, 4, first=8, again=True), *folios(1, 4)),),
    )
    yield Layout(
        "folio in two orders of pages",
        (private(pages(4, 3, first=4), pages(4, 3, again=True)),),
        note="moved by mremap: consecutive entries, frames that jump back",
    )
    yield Layout(
        "folios that straddle PMDs",
        (private(*folios(3, 4)),),
        start=512 - 24,
    )
    yield Layout("unaligned folios", (private(*folios(3, 4)),), start=5)


def _flag_layouts() -> Iterator[Layout]:
    """Entries that may be written or not, clean and dirty ones, shared and exclusive pages."""
    yield Layout(
        "read-only",
        (
            private(
                *folios(4, 0, writable=False, exclusive=False),
                *folios(1, 4, writable=False, exclusive=False),
            ),
        ),
    )
    yield Layout(
        "forked before, child alive",
        (private(*folios(2, 0, elsewhere=True), *folios(1, 4, elsewhere=True)),),
    )
    yield Layout(
        "writable and read-only in one folio",
        (private(pages(8, 4, writable=False), pages(8, 4, first=8, again=True)),),
        note="a batch may take both, then all must be write-protected",
    )
    yield Layout(
        "clean and dirty in one folio",
        (
            private(
                pages(8, 4, dirty=False),
                pages(8, 4, first=8, again=True),
                *folios(2, 2),
                *folios(1, 2, dirty=False),
            ),
        ),
    )
    yield Layout(
        "shared and exclusive in one folio",
        (private(pages(8, 4, exclusive=False), pages(8, 4, first=8, again=True)),),
    )


def _pinned_layouts() -> Iterator[Layout]:
    """Pages that somebody holds for I/O, so that a child cannot have them."""
    yield Layout("pinned page", (private(pages(1), pages(1, pinned=True), pages(1)),))
    yield Layout(
        "pinned folio",
        (private(*folios(1, 2), *folios(1, 2, pinned=True), *folios(1, 2)),),
        note="every page of it must be copied at once",
    )
    yield Layout(
        "pinned folio, partly shared",
        (private(pages(4, 3, pinned=True, exclusive=False), pages(4, 3, first=4, again=True)),),
    )


def _nonpresent_layouts() -> Iterator[Layout]:
    """Entries that are not pages."""
    swap, migration = Piece(Content.SWAP, 2), Piece(Content.MIGRATION, 1)
    yield Layout(
        "swap and migration entries",
        (
            private(
                pages(2),
                swap,
                pages(4, 2),
                migration,
                pages(1),
                Piece(Content.MIGRATION, 1, writable=False),
                Piece(Content.SWAP, 1, exclusive=False),
            ),
        ),
    )
    yield Layout("special PTEs", (private(pages(2), Piece(Content.SPECIAL, 3), pages(4, 2)),))


def _tracked_layouts() -> Iterator[Layout]:
    """Entries with software bits, in mappings that ask for them and in others."""
    rest = pages(2, 2, first=2, again=True)
    soft_dirty = (pages(2, 2, soft_dirty=True), rest)
    yield Layout("soft-dirty tracked", (private(*soft_dirty, tracks_soft_dirty=True),))
    yield Layout("soft-dirty untracked", (private(*soft_dirty),))
    uffd_wp = (pages(2, 2, uffd_wp=True), rest, Piece(Content.SWAP, 1, uffd_wp=True))
    yield Layout("uffd-wp in one folio", (private(*uffd_wp),))
    yield Layout("uffd-wp kept", (private(*uffd_wp, keeps_uffd_wp=True),))


def _vma_layouts() -> Iterator[Layout]:
    """Mappings that end inside folios and tables, and mappings that fork treats differently."""
    yield Layout("holes", (private(hole(3), *folios(1, 0), hole(2), *folios(1, 2), hole(9)),))
    yield Layout("empty tables", (private(hole(512), *folios(2, 0), hole(600), pages(1)),))
    yield Layout(
        "mapping that ends inside a folio",
        (private(pages(10, 4)), private(pages(6, 4, first=10, again=True))),
        note="the next mapping goes on with the same folio",
    )
    yield Layout(
        "DONTFORK hole",
        (private(*folios(1, 2)), private(*folios(1, 2), dontfork=True), private(*folios(1, 2))),
    )
    file = Area(
        (*folios(2, 2, file=True), pages(1), *folios(2, 0, file=True), pages(4, 2)),
        VmaKind.PRIVATE_FILE,
    )
    yield Layout("private file", (file,))
    shared = Area(
        (*folios(2, 2), pages(2, 2, dirty=False), pages(2, 2, first=2, again=True)), VmaKind.SHARED
    )
    yield Layout("shared", (private(pages(1)), shared))
    yield Layout(
        "file pages left to faults",
        (Area(folios(2, 2), VmaKind.SHARED, lazy=True), private(pages(1))),
    )
    yield Layout("end of a table", (private(*folios(1, 0), *folios(1, 2)),), start=512 - 5)


def _contpte_layouts() -> Iterator[Layout]:
    """Blocks of 16 entries, whole and cut (cont bits only where the kernel uses them)."""
    yield Layout("two blocks", (private(*folios(1, 5)),))
    shared = {"writable": False, "exclusive": False}
    yield Layout(
        "block dirty as a whole",
        (private(*folios(2, 4, marked_every=5), *folios(1, 4, marked_every=4, **shared)),),
    )
    yield Layout(
        "partially mapped block",
        (private(pages(16, 5), pages(7, 5, first=16, again=True), hole(9), *folios(1, 4)),),
    )
    yield Layout(
        "mapping that starts inside a block",
        (private(pages(27, 5, first=5), *folios(1, 4)),),
        start=5,
    )
    yield Layout(
        "foldable but not folded",
        (private(*folios(2, 4, cont=False), *folios(1, 4, writable=False, exclusive=False)),),
    )
    yield Layout(
        "aligned block across two folios",
        (private(*folios(4, 3)),),
        note="consecutive frames and equal attributes do not make one folio",
    )
    yield Layout("pinned block", (private(*folios(1, 4, pinned=True), *folios(1, 4)),))
    yield Layout("shared block", (Area(folios(2, 4), VmaKind.SHARED),))
    yield Layout(
        "shared folio across blocks, one page writable",
        (
            Area(
                (
                    hole(),
                    pages(1, 4, file=True),
                    pages(15, 4, first=1, again=True, file=True, writable=False),
                ),
                VmaKind.SHARED,
            ),
        ),
        note="a batch of a shared mapping is writable as a whole in the child if one entry is",
    )
