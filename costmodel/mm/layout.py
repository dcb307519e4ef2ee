"""Descriptions of small address spaces, from which the same state can be built again and again.

A layout is a value: mappings one after another, each a sequence of pieces. Frames are handed out
ascending, so folios of neighbouring pieces have consecutive frames where alignment lets them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from costmodel.mm.address_space import VmaKind


class Content(Enum):
    """What the entries of a piece are."""

    PAGES = "pages"
    HOLE = "hole"
    SWAP = "swap"
    MIGRATION = "migration"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` entries in a row with one content.

    For pages: of a new folio of ``order``, from its page ``first`` on (``again``: of the folio
    before instead, from ``first`` on). The rest gives their state; ``writable`` and
    ``exclusive`` also hold for swap and migration entries.
    """

    content: Content
    count: int
    order: int = 0
    first: int = 0
    again: bool = False
    gap: int = 0
    """Frames left out before the folio."""
    writable: bool = True
    exclusive: bool = True
    dirty: bool = True
    marked_every: int = 1
    """Dirty and young only on each so-many-th entry (a cont block is then dirty as a whole)."""
    soft_dirty: bool = False
    uffd_wp: bool = False
    file: bool = False
    """A page of the file in a private file mapping, not a private copy."""
    pinned: bool = False
    elsewhere: bool = False
    """Another process maps the pages too."""
    cont: bool = True
    """Contiguous bit on whole aligned blocks, where the kernel under test uses it."""


@dataclass(frozen=True, slots=True)
class Area:
    """One mapping: its pieces, ``before`` pages after the end of the mapping before it."""

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
        """Return the number of pages that the mapping covers."""
        return sum(piece.count for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Layout:
    """A small address space that starts at page ``start``."""

    name: str
    areas: tuple[Area, ...]
    start: int = 0
    note: str = field(default="", compare=False)
    """What makes it telling, one line."""

    def protected(self) -> Layout:
        """Return the layout with mappings that must not be written."""
        areas = tuple(replace(area, protected=True) for area in self.areas)
        return replace(self, name=f"{self.name}, protected", areas=areas)

    def write_protecting(self, *, protects: bool) -> Layout:
        """Return the layout with mappings that userfaultfd is about to protect, or to release."""
        areas = tuple(replace(area, write_protects=protects) for area in self.areas)
        name = f"{self.name}, userfaultfd {'protects' if protects else 'resolves'}"
        return replace(self, name=name, areas=areas)
