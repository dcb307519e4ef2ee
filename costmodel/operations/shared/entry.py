"""A page-table entry as a strategy handles it: what it holds, and the events on it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import ClassVar, Protocol

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop, Value
from costmodel.mm.address_space import Vma
from costmodel.mm.folio import Folio
from costmodel.mm.live_table import LiveTable
from costmodel.mm.pte import CONT, CONT_PTES, PFN_SHIFT, WRITE

Steps = Iterator[Step | Uop]
"""What a strategy yields: events, and micro-ops written by hand."""
Counted = Generator[Step | Uop, None, int]
"""A generator that yields events and returns how many entries were found or handled:
``count = yield from ...``."""

# Plain numbers: operations on members of an enumeration cost a microsecond each.
_LARGE, _CONT = int(Trait.LARGE), int(Trait.CONT)
_WRITABLE, _CONSECUTIVE = int(Trait.WRITABLE), int(Trait.CONSECUTIVE)
_ALIGNED, _PLACED = int(Trait.ALIGNED), int(Trait.PLACED)
_new = tuple.__new__


class TablePart(Protocol):
    """The part of a table that belongs to one mapping: slots ``first`` to ``end`` of ``src``."""

    asks_who_writes: ClassVar[bool]
    """Whether its operation does something else with entries that have the write bit."""

    @property
    def src(self) -> LiveTable:
        """The table whose entries the operation works on."""

    @property
    def vma(self) -> Vma:
        """The mapping that the part belongs to."""

    @property
    def first(self) -> int:
        """Slot of the first entry."""

    @property
    def end(self) -> int:
        """Slot behind the last entry."""


class Entry:
    """One entry of a page table, with its folio.

    ``slot`` is its number in the table and ``pte`` what it holds. ``page`` is the number of its
    frame, and so of its struct page; ``head`` is that of the folio's first page. ``folio`` is None
    where the entry maps no counted page. ``traits`` are bits of :class:`Trait`. ``value`` names the
    entry once it was read, for micro-ops whose address or data is computed from it.
    """

    __slots__ = ("folio", "head", "page", "pte", "slot", "traits", "value")

    def __init__(self, slot: int, pte: int, folio: Folio | None) -> None:
        """Create entry ``slot``, which holds ``pte`` and maps a page of ``folio``."""
        self.slot = slot
        self.pte = pte
        self.folio = folio
        self.value = Value(-1)
        self.page = pte >> PFN_SHIFT
        self.head = self.page if folio is None else folio.first_pfn
        self.traits = _CONSECUTIVE
        if folio is not None and folio.order > 0:
            self.traits |= _LARGE
        if pte & CONT:
            self.traits |= _CONT
        if pte & WRITE:
            self.traits |= _WRITABLE

    def note_alignment(self) -> None:
        """Set the trait ``ALIGNED`` (single page) or ``PLACED`` where the frame is so aligned.

        That is, frame and entry have the same number modulo 16. Only contpte kernels look at it.
        """
        if (self.page ^ self.slot) % CONT_PTES == 0:
            self.traits |= _PLACED if self.traits & _LARGE else _ALIGNED

    @property
    def writable(self) -> bool:
        """Whether this entry, or another one of its batch, has the write bit."""
        return self.traits & _WRITABLE != 0

    def step(self, event: str, ahead: int = 0) -> Step:
        """Return ``event`` on this entry, or on the one ``ahead`` slots further in its batch."""
        # Thousands of these per table: the constructor of a named tuple takes twice as long.
        return _new(Step, (event, self.slot + ahead, self.page + ahead, self.head, self.traits))
