"""The mremap operation: the primitives by which a loop changes page tables.

Nothing here prevents a wrong order or a forgotten flush:
:mod:`costmodel.operations.mremap.guarantees` finds those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.build import Memory
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import PRESENT, SOFT_DIRTY, SWAP, TABLE_PTES, UFFD_WP
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural
from costmodel.operations.shared.pmd import huge_table

_PMD_PAGE: Final = TABLE_PTES**2
"""Pages that the PMDs of one page of PMDs stand for."""


@dataclass(frozen=True, slots=True)
class MovedTable:
    """The part of a mapping in one table: slots ``first`` to ``end`` of ``src`` move to ``dst``."""

    asks_who_writes: ClassVar[bool] = True
    vma: Vma
    src: LiveTable
    dst: LiveTable
    first: int
    end: int


class MremapOperation(TableOperation):
    """One mremap, which moves every mapping of a process by ``distance`` pages.

    It is the argument of a strategy for mremap. The distance is a whole number of page tables, and
    the tables at the new address are empty. A strategy flushes each table itself (:meth:`flush`),
    because the lock of the old table must be held until then.
    """

    def __init__(self, memory: Memory, tlb: TlbView, *, contpte: bool = False) -> None:
        """Prepare the move."""
        super().__init__(memory.frames, tlb, contpte=contpte)
        self.space: AddressSpace = memory.space
        end = max((vma.end for vma in self.space.vmas), default=0)
        self.distance = (end // TABLE_PTES + 1) * TABLE_PTES
        if any(self.space.pmds.huge()):  # PMDs move to another page of PMDs
            self.distance = -(-end // _PMD_PAGE) * _PMD_PAGE

    def tables(self) -> Iterator[MovedTable]:
        """Yield the parts of tables in ascending order; each must be flushed before the next."""
        for vma in self.space.vmas:
            for number, first, end in vma.table_ranges():
                slots = self.space.pmds.find(number)
                if slots is None:
                    continue
                base, part = number * TABLE_PTES, (first, end)
                beyond = self.space.pmds.ensure(number + self.distance // TABLE_PTES)
                src = LiveTable(slots, base, part, self.tlb, self.faults)
                dst = LiveTable(beyond, base + self.distance, part, self.tlb, self.faults, old=src)
                yield MovedTable(vma, src, dst, first, end)
                self._check_flushed()

    def pmds(self) -> Iterator[MovedTable]:
        """Yield the PMDs that map folios, each as a pair of tables of one entry, in slot 0.

        Whoever asks for them handles them: the kernel's own code does not then. Each must be
        flushed before the next.
        """
        for vma, number in self.take_pmds(self.space, self.space.vmas):
            src = huge_table(self.space, number, self.tlb, self.faults)
            beyond = number + self.distance // TABLE_PTES
            dst = huge_table(self.space, beyond, self.tlb, self.faults)
            yield MovedTable(vma, src, dst, 0, 1)
            self._check_flushed()

    def move_deposit(self, table: MovedTable) -> None:
        """Move the page table that waits for a split to the page of the new PMD."""
        self.space.pmds.deposit(table.src.base // TABLE_PTES, -1)
        self.space.pmds.deposit(table.dst.base // TABLE_PTES)

    def flush(self, table: MovedTable) -> None:
        """Flush what a TLB may hold of the old addresses of a table (``flush_tlb_range()``)."""
        self.tlb.invalidate(range(table.src.base + table.first, table.src.base + table.end))
        self.tlb.synchronise()

    def can_move_whole(self, table: MovedTable) -> bool:
        """Tell whether a table may be moved to its new address as a whole.

        All of it must belong to the mapping, and no entry may have to lose its uffd-wp bit, which
        entries have where the mapping is registered with userfaultfd.
        """
        whole = table.end - table.first == TABLE_PTES
        tracked = any(pte & UFFD_WP for pte in table.src.slots)
        return whole and (table.vma.keeps_uffd_wp or not tracked)

    def move_whole(self, table: MovedTable) -> None:
        """Move a table with all its entries to its new address."""
        for slot in range(TABLE_PTES):
            pte = table.src.slots[slot]
            self.tlb.cleared(table.src.base + slot, pte)
            table.dst.slots[slot] = pte
            table.src.slots[slot] = 0

    def _check_flushed(self) -> None:
        """Report old translations that a TLB may hold after the lock of their table is released."""
        stale = self.tlb.may_translate()
        if not stale:
            return
        what = (
            f"{plural(len(stale), 'page')} may still be reached at the old address when the lock "
            "of the table is dropped"
        )
        where = f"TLB, first page {stale[0]}"
        vpns = range(stale[0], stale[-1] + 1)
        self.faults.append(Violation(Guarantee.STALE_TLB, where, what, vpns))


def moved_entry(vma: Vma, pte: int) -> int:
    """Return an entry at its new address: soft-dirty; without uffd-wp if the mapping drops it."""
    if pte & (PRESENT | SWAP):
        pte |= SOFT_DIRTY
    return pte if vma.keeps_uffd_wp else pte & ~UFFD_WP
