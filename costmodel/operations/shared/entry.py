"""A page-table entry on its way through a strategy, with the events on it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop, Value
from costmodel.mm.address_space import Vma
from costmodel.mm.folio import Folio
from costmodel.mm.live_table import LiveTable
from costmodel.mm.pte import CONT, CONT_PTES, PFN_SHIFT, WRITE

Steps = Iterator[Step | Uop]
"""What a strategy yields."""
Counted = Generator[Step | Uop, None, int]
"""Yields events and returns how many entries were found or handled."""

# Plain numbers: operations on members of an enumeration cost a microsecond each.
_LARGE, _CONT = int(Trait.LARGE), int(Trait.CONT)
_WRITABLE, _CONSECUTIVE = int(Trait.WRITABLE), int(Trait.CONSECUTIVE)
_ALIGNED = int(Trait.ALIGNED)
_new = tuple.__new__


class TablePart(Protocol):
    """The part of one table that an operation works on: slots ``first`` to ``end`` of ``src``."""

    @property
    def src(self) -> LiveTable:
        """The table."""

    @property
    def vma(self) -> Vma:
        """The mapping that the part belongs to."""

    @property
    def first(self) -> int:
        """Slot of the first."""

    @property
    def end(self) -> int:
        """Slot behind the last."""


class Entry:
    """One present entry: what it holds, its folio, its events.

    ``value`` names the entry once it was read, for micro-ops that compute with it.
    """

    __slots__ = ("folio", "head", "page", "pte", "slot", "traits", "value")

    def __init__(self, slot: int, pte: int, folio: Folio | None) -> None:
        """Look at entry ``slot``, which holds ``pte`` and maps a page of ``folio``."""
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
        """Note whether this is a single page whose frame lies in its block as the entry does.

        Only contpte kernels look at that.
        """
        if not self.traits & _LARGE and (self.page ^ self.slot) % CONT_PTES == 0:
            self.traits |= _ALIGNED

    @property
    def writable(self) -> bool:
        """Whether this entry, or one of its batch, may be written."""
        return self.traits & _WRITABLE != 0

    def step(self, event: str, ahead: int = 0) -> Step:
        """Return ``event`` on the entry ``ahead`` slots further on in the same batch."""
        # Thousands of these per table: the constructor of a named tuple takes twice as long.
        return _new(Step, (event, self.slot + ahead, self.page + ahead, self.head, self.traits))
