"""The mprotect operation: the primitives by which a loop changes page tables.

Nothing here prevents a wrong order or a forgotten flush:
:mod:`costmodel.operations.mprotect.guarantees` finds those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from costmodel.mm.address_space import AddressSpace, Vma, VmaKind
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import EXCLUSIVE, MIGRATION, PFN_SHIFT, SOFT_DIRTY, TABLE_PTES, UFFD_WP, WRITE
from costmodel.mm.tlb import TlbView
from costmodel.operations.shared.pmd import huge_table


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """The part of a mapping in one table: slots ``first`` to ``end`` (exclusive) of ``src``.

    ``vma`` is the mapping with its new protection.
    """

    asks_who_writes: ClassVar[bool] = True
    vma: Vma
    src: LiveTable
    first: int
    end: int


class MprotectOperation(TableOperation):
    """One mprotect, which reverses the write permission of every mapping of a process.

    It is the argument of a strategy for mprotect. Writable mappings become read-only, the others
    writable; those that userfaultfd write-protects keep the permission that they have. ``gathered``
    holds the pages that the strategy wants to be flushed at the end.
    """

    def __init__(self, memory: Memory, tlb: TlbView, *, contpte: bool = False) -> None:
        """Prepare the change, and give the mappings of the process their new protection."""
        super().__init__(memory.frames, tlb, contpte=contpte)
        self.space: AddressSpace = memory.space
        self.space.vmas = tuple(
            replace(v, writable=not v.writable) if v.write_protects is None else v
            for v in self.space.vmas
        )
        self.gathered: set[int] = set()

    def tables(self) -> Iterator[ProtectedTable]:
        """Yield the parts of tables of all mappings, in ascending order."""
        for vma in self.space.vmas:
            for number, first, end in vma.table_ranges():
                slots = self.space.pmds.find(number)
                if slots is None:
                    continue
                part = first, end
                table = LiveTable(slots, number * TABLE_PTES, part, self.tlb, self.faults)
                yield ProtectedTable(vma, table, first, end)

    def pmds(self) -> Iterator[ProtectedTable]:
        """Yield the PMDs that map folios, each as a table of one entry, in slot 0.

        Whoever asks for them handles them: the kernel's own code does not then.
        """
        for vma, number in self.take_pmds(self.space, self.space.vmas):
            table = huge_table(self.space, number, self.tlb, self.faults)
            yield ProtectedTable(vma, table, 0, 1)

    def flush_later(self, table: LiveTable, slot: int, count: int = 1) -> None:
        """Note pages for the flush at the end (``tlb_flush_pte_range()``)."""
        self.gathered.update(range(table.base + slot, table.base + slot + count))

    def finish(self) -> None:
        """Flush the pages that were noted, as ``tlb_finish_mmu()`` does."""
        self.tlb.invalidate(self.gathered)
        self.tlb.synchronise()

    def may_write(self, vma: Vma, pte: int, folio: Folio | None) -> bool:
        """Tell whether a present entry may become writable without a write fault.

        In private memory only pages that belong to this process alone may. Pages that are tracked
        (soft-dirty, userfaultfd) need a fault.
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
