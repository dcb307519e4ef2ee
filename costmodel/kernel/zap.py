"""The zap operation: what unmapping does to page tables and folios, as tiny primitives.

As for fork, a strategy calls a primitive when it yields the micro-ops that stand for it, and
:mod:`costmodel.kernel.sanity_zap` finds what it did wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel.kernel.address_space import AddressSpace, Rss, Vma
from costmodel.kernel.folio import Folio, FrameTable
from costmodel.kernel.live_table import LiveTable
from costmodel.kernel.operation import Operation
from costmodel.kernel.pte import DIRTY, MIGRATION, PFN_SHIFT, SWAP, TABLE_PTES
from costmodel.kernel.tlb import TlbView
from costmodel.kernel.violations import Guarantee, Violation, plural

GATHER_SLOTS = 510
"""Encoded pages in one page of the mmu_gather."""
GATHER_PAGES = 20
"""Pages of the mmu_gather before a flush is forced: about 10,000 slots."""


@dataclass(frozen=True, slots=True)
class ZapTable:
    """The part of one VMA in one table: clear slots ``first`` to ``end`` of ``src``."""

    vma: Vma
    src: LiveTable
    first: int
    end: int


class ZapOperation(Operation):
    """One unmap of all mappings of ``space``; ``tlb`` is its TLB view.

    ``gathered`` holds (folio, references) that wait for the TLB flush before they are dropped.
    """

    def __init__(
        self, space: AddressSpace, frames: FrameTable, tlb: TlbView, *, contpte: bool = False
    ) -> None:
        """Prepare to unmap everything."""
        super().__init__(frames, tlb, contpte=contpte)
        self.space = space
        self.gathered: list[tuple[Folio, int]] = []
        self.gather_slots_used = 0

    def tables(self) -> Iterator[ZapTable]:
        """Iterate over what to unmap, ascending, without empty PMDs."""
        for vma in self.space.vmas:
            for number, first, end in vma.table_ranges():
                slots = self.space.pmds.find(number)
                if slots is not None:
                    part = (first, end)
                    src = LiveTable(slots, number * TABLE_PTES, part, self.tlb, self.faults)
                    yield ZapTable(vma, src, first, end)

    def rmap_remove(self, folio: Folio, first_page: int, count: int = 1) -> None:
        """Take mappings of ``count`` pages away (one atomic each).

        ``_large_mapcount`` is separate: :meth:`large_mapcount_add`.
        """
        self._check_batch(folio, first_page, count)
        for page in range(first_page, min(first_page + count, folio.pages)):
            folio.mapcount[page] -= 1
            if not folio.mapcount[page]:
                folio.exclusive[page] = False

    def mark_dirty(self, folio: Folio, pte: int) -> None:
        """Pass the dirty bit of a cleared entry on to a file folio."""
        if pte & DIRTY and not folio.anon:
            folio.dirty = True

    def rss_sub(self, counter: Rss, count: int = 1) -> None:
        """Take from a resident-set counter."""
        self.space.rss[counter] -= count

    def swap_free(self, pte: int) -> None:
        """Drop one user of a swap entry."""
        self.frames.swap_count[pte >> PFN_SHIFT] -= 1

    def clear_nonpresent(self, table: ZapTable, slot: int) -> None:
        """Clear a swap or migration entry with its counters, in one call."""
        pte = table.src.read(slot)
        if pte & SWAP:
            self.swap_free(pte)
            self.rss_sub(Rss.SWAP)
        elif pte & MIGRATION:
            folio = self.frames.find(pte >> PFN_SHIFT)
            self.rss_sub(Rss.ANON if folio is not None and folio.anon else Rss.FILE)
        table.src.set_nonpresent(slot, 0)

    def gather(self, folio: Folio, count: int = 1, *, slots: int = 1) -> bool:
        """Queue ``count`` references of a folio; True when the gather is full: flush now.

        ``slots`` is what the kernel uses for it: one per page, or two for a whole batch.
        """
        self.gathered.append((folio, count))
        self.gather_slots_used += slots
        return self.gather_slots_used >= GATHER_SLOTS * GATHER_PAGES

    def flush(self) -> None:
        """Flush the TLB of the address space."""
        self.final_flush()

    def free_gathered(self) -> None:
        """Drop the gathered references and free folios without any; reports frames still cached."""
        cached = self.tlb.translates_frames() if self.gathered else set()
        for folio, count in self.gathered:
            folio.refcount -= count
            if folio.refcount <= 0:
                folio.freed += 1
                self._check_free(folio, cached)
        self.gathered.clear()
        self.gather_slots_used = 0

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
