"""The mprotect operation: what a loop does to page tables, as tiny primitives.

Nothing here prevents a wrong order or a forgotten flush:
:mod:`costmodel.operations.mprotect.guarantees` finds those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from costmodel.mm.address_space import AddressSpace, Vma, VmaKind
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import EXCLUSIVE, MIGRATION, PFN_SHIFT, SOFT_DIRTY, TABLE_PTES, UFFD_WP, WRITE
from costmodel.mm.tlb import TlbView


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """The part of one mapping in one table: slots ``first`` to ``end`` of ``src``.

    ``vma`` is the mapping with its new protection.
    """

    vma: Vma
    src: LiveTable
    first: int
    end: int


class MprotectOperation(TableOperation):
    """Turns the write permission of every mapping of a process over.

    Mappings that may be written become read-only, the others writable; those that userfaultfd
    write-protects keep the permission that they have. ``gathered`` are the pages that the strategy
    asked to be flushed at the end.
    """

    def __init__(self, memory: Memory, tlb: TlbView, *, contpte: bool = False) -> None:
        """Prepare the change; the mappings of the process have their new protection already."""
        super().__init__(memory.frames, tlb, contpte=contpte)
        self.space: AddressSpace = memory.space
        self.space.vmas = tuple(
            replace(v, writable=not v.writable) if v.write_protects is None else v
            for v in self.space.vmas
        )
        self.gathered: set[int] = set()

    def tables(self) -> Iterator[ProtectedTable]:
        """Iterate over the tables of all mappings, ascending."""
        for vma in self.space.vmas:
            for number, first, end in vma.table_ranges():
                slots = self.space.pmds.find(number)
                if slots is None:
                    continue
                part = first, end
                table = LiveTable(slots, number * TABLE_PTES, part, self.tlb, self.faults)
                yield ProtectedTable(vma, table, first, end)

    def flush_later(self, table: LiveTable, slot: int, count: int = 1) -> None:
        """Note pages for the flush at the end (``tlb_flush_pte_range()``)."""
        self.gathered.update(range(table.base + slot, table.base + slot + count))

    def finish(self) -> None:
        """Flush what was noted, as ``tlb_finish_mmu()`` does."""
        self.tlb.invalidate(self.gathered)
        self.tlb.synchronise()

    def may_write(self, vma: Vma, pte: int, folio: Folio | None) -> bool:
        """Tell whether a present entry may become writable without a write fault.

        Private memory: pages of this process alone. Tracked pages (soft-dirty, userfaultfd) fault.
        """
        pte = as_registered(vma, pte)
        tracked = pte & UFFD_WP or (vma.tracks_soft_dirty and not pte & SOFT_DIRTY)
        if not vma.writable or tracked:
            return False
        if vma.kind is VmaKind.SHARED:
            return True
        return (
            folio is not None
            and folio.anon
            and self.is_exclusive(folio, folio.page(pte >> PFN_SHIFT))
        )


def as_registered(vma: Vma, pte: int) -> int:
    """Return an entry with the uffd-wp bit that userfaultfd asks for; else with its own."""
    if vma.write_protects is None or not pte:
        return pte
    return pte | UFFD_WP if vma.write_protects else pte & ~UFFD_WP


def changed_nonpresent(vma: Vma, pte: int, *, anon: bool) -> int:
    """Return a swap or migration entry as mprotect leaves it: a page on its way is not written."""
    if pte & MIGRATION and pte & WRITE:
        pte = pte & ~WRITE | (EXCLUSIVE if anon else 0)
    return as_registered(vma, pte)
