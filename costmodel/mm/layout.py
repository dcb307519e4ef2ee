"""Descriptions of small address spaces, from which the same process can be built again and again.

A layout is a value: mappings one after another, each a sequence of pieces. Frames are given out in
ascending order, so folios of neighbouring pieces have consecutive frames where alignment allows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from costmodel.mm.address_space import VmaKind


class Content(Enum):
    """What the entries of a piece hold."""

    PAGES = "pages"
    HOLE = "hole"
    SWAP = "swap"
    MIGRATION = "migration"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` entries in a row with the same content.

    Pages belong to a new folio of ``order``, from its page ``first`` on; with ``again`` to the
    folio of the piece before, from its page ``first`` on. The other fields give their state;
    ``writable`` and ``exclusive`` apply to swap and migration entries too.
    """

    content: Content
    count: int
    order: int = 0
    first: int = 0
    again: bool = False
    gap: int = 0
    """How many frames are left out before the folio."""
    writable: bool = True
    exclusive: bool = True
    dirty: bool = True
    marked_every: int = 1
    """Only every ``marked_every``-th entry is dirty and young. A contiguous block with one such
    entry counts as dirty as a whole."""
    soft_dirty: bool = False
    uffd_wp: bool = False
    file: bool = False
    """In a private file mapping: a page of the file itself, not a private copy."""
    pinned: bool = False
    elsewhere: bool = False
    """Whether another process maps the pages too."""
    cont: bool = True
    """Whether whole aligned blocks have the contiguous bit, if the kernel uses it."""
    pmd: bool = False
    """Whether a PMD maps it, where it is a whole anonymous folio of 512 pages that may be."""


@dataclass(frozen=True, slots=True)
class Area:
    """One mapping and its pieces; it begins ``before`` pages behind the mapping before it.

    The other fields are those of :class:`costmodel.mm.address_space.Vma`.
    """

    pieces: tuple[Piece, ...]
    kind: VmaKind = VmaKind.ANONYMOUS
    before: int = 0
    dontfork: bool = False
    lazy: bool = False
    keeps_uffd_wp: bool = False
    tracks_soft_dirty: bool = False
    protected: bool = False
    """The mapping must not be written: none of its entries is writable, whatever its pieces say."""
    write_protects: bool | None = None
    """As that of the mapping, see :class:`costmodel.mm.address_space.Vma`."""

    @property
    def pages(self) -> int:
        """The number of pages that the mapping covers."""
        return sum(piece.count for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Layout:
    """A small address space whose first mapping starts at virtual page number ``start``."""

    name: str
    areas: tuple[Area, ...]
    start: int = 0
    note: str = field(default="", compare=False)
    """One line on which error it reveals."""

    @property
    def has_pmds(self) -> bool:
        """Whether PMDs map some of its folios."""
        return any(piece.pmd for area in self.areas for piece in area.pieces)

    def protected(self) -> Layout:
        """Return the layout with all its mappings read-only."""
        areas = tuple(replace(area, protected=True) for area in self.areas)
        return replace(self, name=f"{self.name}, protected", areas=areas)

    def write_protected(self) -> Layout:
        """Return the layout with pages that userfaultfd protects."""
        areas = tuple(
            replace(area, pieces=tuple(replace(piece, uffd_wp=True) for piece in area.pieces))
            for area in self.areas
        )
        return replace(self, areas=areas)

    def write_protecting(self, *, protects: bool) -> Layout:
        """Return the layout with mappings that userfaultfd is about to protect, or to release."""
        areas = tuple(replace(area, write_protects=protects) for area in self.areas)
        name = f"{self.name}, userfaultfd {'protects' if protects else 'resolves'}"
        return replace(self, name=name, areas=areas)
