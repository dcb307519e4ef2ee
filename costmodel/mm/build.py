"""Builds the page tables and folios that a layout describes."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.mm.address_space import AddressSpace, Rss, Vma, VmaKind
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    EXCLUSIVE,
    HUGE,
    MIGRATION,
    PFN_SHIFT,
    PRESENT,
    SOFT_DIRTY,
    SPECIAL,
    SWAP,
    TABLE_PTES,
    UFFD_WP,
    WRITE,
    YOUNG,
    make_pte,
)

FIRST_PFN = 512
SPECIAL_PFN = 1 << 30  # a device: no folio there


@dataclass(slots=True)
class Memory:
    """A process and all folios that it maps."""

    space: AddressSpace
    frames: FrameTable

    def copy(self) -> Memory:
        """Return an independent copy."""
        return Memory(self.space.copy(), self.frames.copy())


def build_memory(layout: Layout, *, contpte: bool = False) -> Memory:
    """Return the process that ``layout`` describes.

    Contiguous bits are set only with ``contpte``, for a kernel that uses them. Raises ValueError
    for a piece that leaves its folio.
    """
    return _Builder(layout, contpte=contpte).memory


def page_of(memory: Memory, pte: int) -> tuple[Folio, int] | None:
    """Return the folio behind an entry and the index of the page in it.

    None for an entry that is special or not present.
    """
    folio = memory.frames.find(pte >> PFN_SHIFT)
    if folio is None or pte & SPECIAL or not pte & PRESENT:
        return None
    return folio, folio.page(pte >> PFN_SHIFT)


class _Builder:
    """Lays out the areas and pieces of a layout; ``vpn`` is the next virtual page number."""

    def __init__(self, layout: Layout, *, contpte: bool) -> None:
        self.contpte = contpte
        self.vpn = layout.start
        self.offset = 0
        self.folio: Folio | None = None
        self.frames = FrameTable()
        vmas = []
        start = layout.start
        for area in layout.areas:
            start += area.before
            vmas.append(_vma(area, start))
            start += area.pages
        self.space = AddressSpace(vmas)
        self.memory = Memory(self.space, self.frames)
        for area in layout.areas:
            self.vpn += area.before
            for piece in area.pieces:
                self._lay(piece, area)
                self.vpn += piece.count

    def _lay(self, piece: Piece, area: Area) -> None:
        match piece.content:
            case Content.HOLE:
                return
            case Content.PAGES:
                for index in range(piece.count if piece.order == 0 else 1):
                    self._pages(piece, area, index)
            case Content.SPECIAL:
                flags = _present_flags(piece, area) | SPECIAL
                self._fill(piece, range(piece.count), SPECIAL_PFN + self.vpn, flags)
            case Content.SWAP:
                self._swap(piece)
            case _:
                self._migration(piece, area)

    def _pages(self, piece: Piece, area: Area, index: int) -> None:
        """Map one folio, or the ``index``-th of several order-0 folios."""
        count = piece.count if piece.order else 1
        folio = self._folio(piece, area, count)
        anon = folio.anon
        flags = _present_flags(piece, area)
        if piece.pmd and count == TABLE_PTES and anon and self.vpn % TABLE_PTES == 0:
            self._by_pmd(piece, folio, flags)
            return
        if not anon and area.kind is not VmaKind.SHARED:
            flags &= ~WRITE
        self._fill(piece, range(index, index + count), folio.first_pfn + piece.first, flags)
        alone = anon and piece.exclusive and not piece.elsewhere
        for page in range(piece.first, piece.first + count):
            folio.map_page(page, 2 if piece.elsewhere else 1)
            folio.exclusive[page] = alone
        self.space.rss[Rss.ANON if anon else Rss.FILE] += count

    def _by_pmd(self, piece: Piece, folio: Folio, flags: int) -> None:
        """Map a folio as a whole; its first page has the exclusive mark for all."""
        self.space.map_whole(self.vpn // TABLE_PTES, make_pte(folio.first_pfn, flags | HUGE))
        folio.map_whole(2 if piece.elsewhere else 1)
        folio.exclusive[0] = piece.exclusive and not piece.elsewhere
        self.space.rss[Rss.ANON] += folio.pages

    def _folio(self, piece: Piece, area: Area, count: int) -> Folio:
        """Return the folio of a piece: a new one, unless the piece maps more of the last one."""
        if piece.again and self.folio is not None:
            last = self.folio
            fits = piece.first + count <= last.pages
            if fits and not any(last.mapcount[piece.first : piece.first + count]):
                return last
        if piece.first + count > 1 << piece.order:
            raise ValueError(f"piece leaves its folio (got {piece})")
        skip = piece.gap if self.frames.folios else FIRST_PFN
        anon = area.kind is VmaKind.ANONYMOUS or (
            area.kind is VmaKind.PRIVATE_FILE and not piece.file
        )
        self.folio = self.frames.allocate(piece.order, anon=anon, skip=skip)
        self.folio.pinned = piece.pinned
        if not anon:
            self.folio.refcount += 1 << piece.order  # the page cache holds one for each page
        return self.folio

    def _fill(self, piece: Piece, part: range, first_pfn: int, flags: int) -> None:
        """Write present entries ``part`` of a piece, with consecutive frames."""
        whole_blocks = piece.cont and self.contpte and piece.content is Content.PAGES
        for pfn, index in enumerate(part, first_pfn):
            pte = make_pte(pfn, flags)
            if index % piece.marked_every:
                pte &= ~(DIRTY | YOUNG)
            vpn = self.vpn + index
            start = index - vpn % CONT_PTES
            aligned = (vpn - pfn) % CONT_PTES == 0
            if whole_blocks and aligned and part.start <= start <= part.stop - CONT_PTES:
                pte |= CONT
            self.space.put(vpn, pte)

    def _swap(self, piece: Piece) -> None:
        flags = SWAP | (EXCLUSIVE if piece.exclusive else 0) | _software_flags(piece)
        for index in range(piece.count):
            self.offset += 1
            self.frames.swap_count[self.offset] = 1
            self.space.put(self.vpn + index, make_pte(self.offset, flags))
        self.space.rss[Rss.SWAP] += piece.count

    def _migration(self, piece: Piece, area: Area) -> None:
        flags = MIGRATION | _software_flags(piece)
        flags |= WRITE if piece.writable else EXCLUSIVE if piece.exclusive else 0
        for index in range(piece.count):
            skip = 0 if self.frames.folios else FIRST_PFN
            folio = self.frames.allocate(0, anon=area.kind is VmaKind.ANONYMOUS, skip=skip)
            folio.refcount = 1
            self.space.put(self.vpn + index, make_pte(folio.first_pfn, flags))
            self.space.rss[Rss.ANON if folio.anon else Rss.FILE] += 1


def _vma(area: Area, start: int) -> Vma:
    return Vma(
        start,
        start + area.pages,
        area.kind,
        dontfork=area.dontfork,
        lazy=area.lazy,
        keeps_uffd_wp=area.keeps_uffd_wp,
        tracks_soft_dirty=area.tracks_soft_dirty,
        writable=not area.protected,
        write_protects=area.write_protects,
    )


def _software_flags(piece: Piece) -> int:
    return (SOFT_DIRTY if piece.soft_dirty else 0) | (UFFD_WP if piece.uffd_wp else 0)


def _present_flags(piece: Piece, area: Area) -> int:
    """Return the flags of present entries; an entry of a privately shared page is not writable."""
    shared = piece.elsewhere or not piece.exclusive
    writable = piece.writable and not (shared and area.kind is not VmaKind.SHARED)
    if piece.uffd_wp or area.protected:
        writable = False
    flags = PRESENT | YOUNG | _software_flags(piece)
    return flags | (WRITE if writable else 0) | (DIRTY if piece.dirty else 0)
