"""The fork operation: the primitives by which a copy loop changes page tables and folios.

A strategy calls a primitive when it yields the event or the micro-ops that stand for it. Nothing
here prevents a wrong order or a wrong count: :mod:`costmodel.operations.fork.guarantees` finds
those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from costmodel.mm.address_space import AddressSpace, Rss, Vma
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.live_table import Batch, LiveTable, shared_entry
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import (
    DIRTY,
    MIGRATION,
    PFN_SHIFT,
    PRESENT,
    SWAP,
    TABLE_PTES,
    UFFD_WP,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.tlb import TlbView
from costmodel.operations.shared.pmd import huge_table


@dataclass(frozen=True, slots=True)
class TablePair:
    """The part of one mapping in one table: slots ``first`` to ``end`` (exclusive) are copied.

    ``src`` is the parent's table and ``dst`` the child's.
    """

    asks_who_writes: ClassVar[bool] = True
    vma: Vma
    src: LiveTable
    dst: LiveTable
    first: int
    end: int
    allocated: bool
    """Whether the child's table did not exist before, so that it is allocated for this pair."""


class ForkOperation(TableOperation):
    """One ``fork()``, which copies the page tables of ``parent`` to ``child``.

    It is the argument of a strategy for fork: ``tables()`` yields what to copy; the other methods
    change folios and counters. ``tlb`` tracks what TLBs may hold of the parent's entries; of the
    child they hold nothing yet.
    """

    def __init__(
        self,
        parent: AddressSpace,
        child: AddressSpace,
        frames: FrameTable,
        tlb: TlbView,
        *,
        contpte: bool = False,
    ) -> None:
        """Prepare a fork; ``child`` has its mappings but no tables (``parent.for_child()``)."""
        super().__init__(frames, tlb, contpte=contpte)
        self.parent = parent
        self.child = child
        self.batches: list[Batch] = []
        self._child_tlb = TlbView(live=False)

    @classmethod
    def begin(
        cls, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> ForkOperation:
        """Return a fork of the process ``memory``, ready for a strategy."""
        tlb = TlbView(resizes_freely=resizes_freely)
        return cls(memory.space, memory.space.for_child(), memory.frames, tlb, contpte=contpte)

    def tables(self) -> Iterator[TablePair]:
        """Yield the parts of tables to copy, in ascending order of their addresses.

        Tables that do not exist and mappings whose entries fork does not copy are left out.
        """
        for vma in self.parent.vmas:
            if vma.is_copied:
                yield from self._tables_of(vma)

    def _tables_of(self, vma: Vma) -> Iterator[TablePair]:
        for number, first, end in vma.table_ranges():
            slots = self.parent.pmds.find(number)
            if slots is None:
                continue
            allocated = self.child.pmds.find(number) is None
            base, part = number * TABLE_PTES, (first, end)
            src = LiveTable(slots, base, part, self.tlb, self.faults)
            dst = LiveTable(
                self.child.pmds.ensure(number), base, part, self._child_tlb, self.faults
            )
            dst.batches = self.batches
            yield TablePair(vma, src, dst, first, end, allocated)

    def pmds(self) -> Iterator[TablePair]:
        """Yield the PMDs that map folios, each as a pair of tables of one entry, in slot 0.

        Whoever asks for them handles them: the kernel's own code does not then.
        """
        copied = (vma for vma in self.parent.vmas if vma.is_copied)
        for vma, number in self.take_pmds(self.parent, copied):
            src = huge_table(self.parent, number, self.tlb, self.faults)
            dst = huge_table(self.child, number, self._child_tlb, self.faults)
            yield TablePair(vma, src, dst, 0, 1, allocated=True)

    def deposit(self, pair: TablePair) -> None:
        """Let the child's new table wait beside its PMD for a split."""
        self.child.pmds.deposit(pair.dst.base // TABLE_PTES)

    def maybe_pinned(self, folio: Folio, first_page: int, count: int = 1) -> bool:
        """Tell whether one of ``count`` pages is exclusive in a folio that may be pinned."""
        return folio.pinned and any(folio.exclusive[first_page : first_page + count])

    def rss_add(self, counter: Rss, count: int = 1) -> None:
        """Add ``count`` pages to a resident-set counter of the child."""
        self.child.rss[counter] += count

    def rss_of(self, folio: Folio) -> Rss:
        """Return the counter that a folio belongs to."""
        return Rss.ANON if folio.anon else Rss.FILE

    def child_pte(self, vma: Vma, pte: int) -> int:
        """Return a present entry as the child gets it.

        It has no access bit, no dirty bit in a shared mapping, and no uffd-wp bit unless the
        mapping keeps it. The write bit is that of ``pte``: in a copy-on-write mapping the caller
        write-protects the parent's entry first and passes that.
        """
        drop = YOUNG | (0 if vma.is_cow else DIRTY) | (0 if vma.keeps_uffd_wp else UFFD_WP)
        return pte & ~drop

    def copy_pinned(self, pte: int) -> int:
        """Copy the page behind ``pte`` to a new frame at once, and return the child's entry.

        The new page is exclusive and its mapping is counted. The caller adds it to the resident set
        and stores the entry, which is writable.
        """
        folio = self.frames.allocate(0)
        folio.map_page(0)
        folio.exclusive[0] = True
        return make_pte(folio.first_pfn, PRESENT | WRITE | DIRTY | YOUNG) | (pte & UFFD_WP)

    def swap_duplicate(self, pte: int) -> None:
        """Count one more user of a swap entry."""
        offset = pte >> PFN_SHIFT
        self.frames.swap_count[offset] = self.frames.swap_count.get(offset, 0) + 1

    def copy_nonpresent(self, pair: TablePair, slot: int) -> None:
        """Copy a swap or migration entry and count it, as ``copy_nonpresent_pte()`` does."""
        pte = pair.src.read(slot)
        shared = shared_entry(pte) if pair.vma.is_cow else pte
        if pte & SWAP:
            self.swap_duplicate(pte)
            self.rss_add(Rss.SWAP)
        elif pte & MIGRATION:
            folio = self.frames.find(pte >> PFN_SHIFT)
            self.rss_add(self.rss_of(folio) if folio is not None else Rss.FILE)
        if shared != pte:
            pair.src.set_nonpresent(slot, shared)
        keep = ~0 if pair.vma.keeps_uffd_wp else ~UFFD_WP
        pair.dst.set_nonpresent(slot, shared & keep)
