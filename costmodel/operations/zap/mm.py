"""The zap operation: the primitives by which an unmap loop changes page tables and folios.

As for fork, a strategy calls a primitive when it yields the event or the micro-ops that stand for
it, and :mod:`costmodel.operations.zap.guarantees` finds what it did wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from costmodel.code.events import Step
from costmodel.code.uops import Uop, Value
from costmodel.mm.address_space import AddressSpace, Rss, Vma
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import DIRTY, MIGRATION, PFN_SHIFT, SWAP, TABLE_PTES
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural
from costmodel.operations.shared.pmd import huge_table
from costmodel.operations.zap.gather import GatherList, PageLists, Room


@dataclass(frozen=True, slots=True)
class ZapTable:
    """The part of a mapping in one table: slots ``first`` to ``end`` (exclusive) of ``src``."""

    vma: Vma
    src: LiveTable
    first: int
    end: int


class Delayed(NamedTuple):
    """Mappings of some ``pages`` of a folio, from ``first_page`` on, that stay counted for now.

    ``counts_large``: the kernel keeps ``_large_mapcount``.
    """

    folio: Folio
    first_page: int
    pages: int
    counts_large: bool = False


class ZapOperation(TableOperation):
    """One unmap of all mappings of ``space``; it is the argument of a strategy for zap.

    ``list`` holds the pages that wait for the TLB flush before their references are dropped.
    ``delayed`` holds mappings of dirty file pages that stay counted until then, because the dirty
    bit of an unmapped page must be final, and a TLB may still set it. ``tlb`` tracks what TLBs may
    hold.
    """

    def __init__(
        self,
        space: AddressSpace,
        frames: FrameTable,
        tlb: TlbView,
        *,
        contpte: bool = False,
        list_pages: int = 0,
    ) -> None:
        """Prepare to unmap everything, or what :meth:`limit` names.

        ``list_pages`` is how many pages the gather list has already.
        """
        super().__init__(frames, tlb, contpte=contpte)
        self.space = space
        self._limit = range(1 << 52)
        self.list = GatherList(pages=list_pages)
        self.delayed: list[Delayed] = []
        self.page_lists = PageLists()
        self._entire: dict[Folio, bool] = {}
        self.frees_large_alone = False
        """Large folios are freed one by one: v6.8 and before, and the posting of v6.9."""
        self.count_page: Callable[[Step], Generator[Uop, Value, None]] | None = None
        """What a kernel executes for each page of a large folio that is uncounted, by hand."""
        self.released: list[Step | Uop] | None = None
        """Where the events of releases that the loop itself asks for are put, to be priced apart;
        None where they are events like all others."""
        self.flushes = 0
        """How often the loop has flushed so far."""
        self.must_flush = False
        """The list is full: the loop must stop for a flush and a release."""

    @classmethod
    def begin(
        cls,
        memory: Memory,
        *,
        contpte: bool = False,
        resizes_freely: bool = False,
        list_pages: int = 0,
    ) -> ZapOperation:
        """Return an unmap of the process ``memory``, ready for a strategy."""
        tlb = TlbView(resizes_freely=resizes_freely)
        return cls(memory.space, memory.frames, tlb, contpte=contpte, list_pages=list_pages)

    def limit(self, vpns: range) -> None:
        """Unmap only some virtual page numbers, as a call for their addresses does."""
        self._limit = vpns

    def tables(self) -> Iterator[ZapTable]:
        """Yield the parts of tables to unmap, in ascending order; empty PMDs are left out."""
        for vma in self.space.vmas:
            for number, start, stop in vma.table_ranges():
                base = number * TABLE_PTES
                first = max(start, self._limit.start - base)
                end = min(stop, self._limit.stop - base)
                slots = self.space.pmds.find(number)
                if slots is not None and first < end:
                    part = (first, end)
                    src = LiveTable(slots, base, part, self.tlb, self.faults)
                    yield ZapTable(vma, src, first, end)

    def pmds(self) -> Iterator[ZapTable]:
        """Yield the PMDs that map folios, each as a table of one entry, in slot 0.

        Whoever asks for them handles them: the kernel's own code does not then.
        """
        for vma, number in self.take_pmds(self.space, self.space.vmas):
            yield ZapTable(vma, huge_table(self.space, number, self.tlb, self.faults), 0, 1)

    def withdraw(self, table: ZapTable) -> None:
        """Free the page table that waits beside a PMD for a split."""
        self.space.pmds.deposit(table.src.base // TABLE_PTES, -1)

    def entire_mapcount_add(self, folio: Folio, delta: int = 1) -> None:
        """Change ``_entire_mapcount``; a folio that nothing maps loses its exclusive mark."""
        super().entire_mapcount_add(folio, delta)
        if not folio.entire_mapcount:
            folio.exclusive[0] = False

    def rmap_remove(self, folio: Folio, first_page: int, count: int = 1) -> None:
        """Uncount the mappings of ``count`` pages by one atomic each.

        ``_large_mapcount`` is changed by :meth:`large_mapcount_add`.
        """
        self._check_batch(folio, first_page, count)
        if not folio.anon:
            self._check_writers(folio, first_page, count)
        for page in range(first_page, min(first_page + count, folio.pages)):
            folio.mapcount[page] -= 1
            if not folio.mapcount[page]:
                folio.exclusive[page] = False
                self._entire[folio] = False

    def maps_all(self, folio: Folio) -> bool:
        """Tell whether every page of a folio is still mapped."""
        if folio not in self._entire:
            self._entire[folio] = all(folio.mapcount)
        return self._entire[folio]

    def _check_writers(self, folio: Folio, first_page: int, count: int) -> None:
        """Report file pages that are uncounted while a TLB may still let a CPU write them."""
        first = folio.first_pfn + first_page
        exposed = self.tlb.writable_frames().intersection(range(first, first + count))
        if exposed:
            what = (
                f"mapping of {plural(len(exposed), 'dirty page')} taken away while a TLB may still "
                "write through it: later writes are lost"
            )
            frames = range(min(exposed), max(exposed) + 1)
            self.faults.append(Violation(Guarantee.DIRTY, str(folio), what, pfns=frames))

    def mark_dirty(self, folio: Folio, pte: int) -> None:
        """Pass the dirty bit of the emptied entry ``pte`` on to a file folio."""
        if pte & DIRTY and not folio.anon:
            folio.dirty = True

    def set_referenced(self, folio: Folio) -> None:
        """Note that a file folio was accessed, by one atomic on its flags."""
        folio.referenced = True

    def activate(self, folio: Folio) -> None:
        """Move a file folio that was accessed again to the active list of the LRU."""
        folio.active, folio.referenced = True, False

    def rss_sub(self, counter: Rss, count: int = 1) -> None:
        """Take ``count`` pages off a resident-set counter."""
        self.space.rss[counter] -= count

    def swap_free(self, pte: int) -> None:
        """Drop one user of a swap entry."""
        self.frames.swap_count[pte >> PFN_SHIFT] -= 1

    def clear_nonpresent(self, table: ZapTable, slot: int) -> None:
        """Empty a swap or migration entry and change its counters."""
        pte = table.src.read(slot)
        if pte & SWAP:
            self.swap_free(pte)
            self.rss_sub(Rss.SWAP)
        elif pte & MIGRATION:
            folio = self.frames.find(pte >> PFN_SHIFT)
            self.rss_sub(Rss.ANON if folio is not None and folio.anon else Rss.FILE)
        table.src.set_nonpresent(slot, 0)

    def is_delayed(self, folio: Folio, pte: int) -> bool:
        """Tell whether the mapping of the emptied entry ``pte`` stays counted until the flush."""
        return bool(pte & DIRTY) and not folio.anon

    def delay_rmap(
        self, folio: Folio, first_page: int, count: int = 1, *, counts_large: bool = False
    ) -> None:
        """Leave ``count`` mappings of a dirty file folio to be uncounted after the flush."""
        self.delayed.append(Delayed(folio, first_page, count, counts_large))

    def take_delayed(self) -> list[Delayed]:
        """Return the mappings that waited for the flush, which must be uncounted now."""
        delayed, self.delayed = self.delayed, []
        return delayed

    def remove_delayed(self) -> None:
        """Uncount the delayed mappings, after the flush."""
        for folio, first_page, count, counts_large in self.take_delayed():
            if folio.order and counts_large:
                self.large_mapcount_add(folio, -count)
            self.rmap_remove(folio, first_page, count)

    def gather(self, folio: Folio, count: int = 1, *, slots: int = 1, page: int = 0) -> Room:
        """Put ``count`` references of a folio on the list, and return how full it is then.

        They are for its pages from ``page`` on. ``slots`` is how many slots of the list they take:
        one per page, or two for a whole batch.
        """
        return self.list.add(folio, count, slots, page)

    def flush(self) -> None:
        """Flush the TLB of the address space."""
        self.flushes += 1
        self.final_flush()

    def finish(self) -> None:
        """Flush, uncount the delayed mappings and release the rest, as the loop's caller does."""
        self.flush()
        self.remove_delayed()
        self.free_gathered()

    def free_gathered(self) -> None:
        """Drop the references on the list, and free folios without any; report wrong frees."""
        for gathered in self.list.take():
            self.drop(gathered.folio, gathered.references)

    def drop(self, folio: Folio, count: int) -> bool:
        """Drop ``count`` references by one atomic, and tell whether the folio is free now.

        A folio that is freed again, or while a TLB may still translate to it, is reported.
        """
        folio.refcount -= count
        if folio.refcount > 0:
            return False
        folio.freed += 1
        self._check_free(folio, self.tlb.translates_frames())
        return True

    def _check_free(self, folio: Folio, cached: set[int]) -> None:
        """Report a folio that is freed again, or while a TLB may still translate to it."""
        frames = range(folio.first_pfn, folio.first_pfn + folio.pages)
        reachable = cached.intersection(frames)
        if folio.freed > 1 or folio.refcount < 0:
            what = f"freed {plural(folio.freed, 'time')}, refcount {folio.refcount}"
            self.faults.append(Violation(Guarantee.FREED, str(folio), what, pfns=frames))
        if reachable:
            what = f"freed while a TLB may still translate to {plural(len(reachable), 'page')}"
            self.faults.append(Violation(Guarantee.FREED, str(folio), what, pfns=frames))
