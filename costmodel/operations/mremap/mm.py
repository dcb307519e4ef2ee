"""The mremap operation: what a loop does to page tables, as tiny primitives.

Nothing here prevents a wrong order or a forgotten flush:
:mod:`costmodel.operations.mremap.guarantees` finds those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.build import Memory
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import PRESENT, SOFT_DIRTY, SWAP, TABLE_PTES, UFFD_WP
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural


@dataclass(frozen=True, slots=True)
class MovedTable:
    """The part of one mapping in one table: slots ``first`` to ``end`` of ``src`` go to ``dst``."""

    vma: Vma
    src: LiveTable
    dst: LiveTable
    first: int
    end: int


class MremapOperation(TableOperation):
    """Moves every mapping of a process by ``distance`` pages, a whole number of page tables.

    The tables at the new address are empty. A strategy flushes each table itself (:meth:`flush`):
    the lock of the old one must not be dropped before.
    """

    def __init__(self, memory: Memory, tlb: TlbView, *, contpte: bool = False) -> None:
        """Prepare the move."""
        super().__init__(memory.frames, tlb, contpte=contpte)
        self.space: AddressSpace = memory.space
        end = max((vma.end for vma in self.space.vmas), default=0)
        self.distance = (end // TABLE_PTES + 1) * TABLE_PTES

    def tables(self) -> Iterator[MovedTable]:
        """Iterate over the tables of all mappings, ascending; each is flushed before the next."""
        for vma in self.space.vmas:
            for number, first, end in vma.table_ranges():
                slots = self.space.pmds.find(number)
                if slots is None:
                    continue
                base, part = number * TABLE_PTES, (first, end)
                beyond = self.space.pmds.ensure(number + self.distance // TABLE_PTES)
                src = LiveTable(slots, base, part, self.tlb, self.faults)
                dst = LiveTable(beyond, base + self.distance, part, self.tlb, self.faults)
                yield MovedTable(vma, src, dst, first, end)
                self._check_flushed()

    def flush(self, table: MovedTable) -> None:
        """Flush what a TLB may hold of the old addresses of a table (``flush_tlb_range()``)."""
        self.tlb.invalidate(range(table.src.base + table.first, table.src.base + table.end))
        self.tlb.synchronise()

    def can_move_whole(self, table: MovedTable) -> bool:
        """Tell whether a table may be hung in at its new address as it is.

        All of it must belong to the mapping, and no entry may have to lose its uffd-wp bit: a
        mapping has such entries where it is registered with userfaultfd.
        """
        whole = table.end - table.first == TABLE_PTES
        tracked = any(pte & UFFD_WP for pte in table.src.slots)
        return whole and (table.vma.keeps_uffd_wp or not tracked)

    def move_whole(self, table: MovedTable) -> None:
        """Hang a table in at its new address: all of its entries are elsewhere at once."""
        for slot in range(TABLE_PTES):
            pte = table.src.slots[slot]
            self.tlb.cleared(table.src.base + slot, pte)
            table.dst.slots[slot] = pte
            table.src.slots[slot] = 0

    def _check_flushed(self) -> None:
        """Note old translations that outlive the lock of their table."""
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
    """Return an entry as it arrives: soft-dirty, and without uffd-wp where nobody will ask."""
    if pte & (PRESENT | SWAP):
        pte |= SOFT_DIRTY
    return pte if vma.keeps_uffd_wp else pte & ~UFFD_WP
