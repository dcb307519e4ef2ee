"""The page tables that a recorded window was recorded on."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.code.events import Mark
from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.pte import CONT, CONT_PTES, DIRTY, PRESENT, TABLE_PTES, WRITE, YOUNG, make_pte
from costmodel.operations.shared.strategy import Strategy
from costmodel.recorder import Recording

BASE_PFN = 1 << 20
"""Frame that stands for number 0 of a recording."""
_FAR_PFN = 1 << 24


@dataclass(frozen=True)
class Place:
    """Where a window lies: its first slot, and the end of the address space to lay out."""

    first: int
    end: int

    @classmethod
    def of(cls, window: Recording) -> Place:
        match window.layout:
            case "order9":
                return cls(0, TABLE_PTES + 4)
            case "order0_transition":
                return cls(TABLE_PTES - 4, TABLE_PTES + 16)
        return cls(256, 256 + 64 + 64)


def memory_of(window: Recording, marks: list[Mark], strategy: Strategy, *, adjoins: bool) -> Memory:
    """Return a process with the window's frames where they were, and others around them."""
    place = Place.of(window)
    order = int(window.layout[len("order")])
    start = place.first - window.first_slot
    frames = {mark.step.slot + start: mark.step.page for mark in marks if mark.step.event == "map"}
    if window.layout == "order9":
        frames.setdefault(0, 0)
    space, table = AddressSpace([Vma(0, place.end)]), FrameTable()
    slot, behind = 0, _FAR_PFN
    while slot < place.end:
        if slot >= TABLE_PTES and window.layout == "order9":
            order = 0
        pfn = BASE_PFN + frames[slot] if slot in frames else 0
        if not pfn and adjoins and slot - 1 in frames:
            step = frames[slot - 1] - frames[slot - 2] if order == 0 else 1
            pfn = BASE_PFN + frames[slot - 1] + step
        if not pfn:
            behind += 2 << order
            pfn = behind
        _map(space, table, Folio(order, pfn), slot, strategy.contpte)
        slot += 1 << order
    return Memory(space, table)


def _map(space: AddressSpace, table: FrameTable, folio: Folio, slot: int, contpte: bool) -> None:
    table.add(folio)
    cont = CONT if contpte and folio.pages >= CONT_PTES else 0
    for page in range(folio.pages):
        folio.map_page(page)
        folio.exclusive[page] = True
        number, index = divmod(slot + page, TABLE_PTES)
        flags = PRESENT | YOUNG | DIRTY | WRITE | cont
        space.pmds.ensure(number)[index] = make_pte(folio.first_pfn + page, flags)
