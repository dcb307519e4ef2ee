"""Compares what an mremap left behind with the guarantees of the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.address_space import Vma
from costmodel.mm.build import Memory, page_of
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    PRESENT,
    SOFT_DIRTY,
    UFFD_WP,
    YOUNG,
)
from costmodel.mm.sanity import check_cont, check_tlb
from costmodel.mm.violations import Findings, Guarantee, Violation
from costmodel.operations.mremap.mm import MremapOperation
from costmodel.operations.shared.counts import check_counts_kept
from costmodel.operations.shared.pmd import check_deposits

_SIDE = "mapping"
_MAY_CHANGE = CONT | DIRTY | YOUNG | SOFT_DIRTY | UFFD_WP


def check_moved(before: Memory, done: MremapOperation) -> list[Violation]:
    """Return a violation for every guarantee that a finished mremap broke.

    ``before`` is the process before it (``memory.copy()``). Pages are named by their old address.
    The list is empty if all is correct.
    """
    found = [
        *done.faults,
        *_Entries(before, done).check(),
        *check_cont(_SIDE, done.space, done.frames),
        *check_counts_kept(before, done.frames),
        *check_tlb(done.tlb),
        *check_deposits(_SIDE, done.space),
    ]
    return list(dict.fromkeys(found))


class _Entries:
    """The entries before and after, and the faults found so far."""

    def __init__(self, before: Memory, done: MremapOperation) -> None:
        self.before = before
        self.done = done
        self.found = Findings()
        self.dirty = {
            page[0].first_pfn
            for _, pte in before.space.entries()
            if pte & DIRTY and (page := page_of(before, pte)) is not None
        }
        """Folios that some entry knows as dirty: a batch, or a block, has that bit as a whole."""

    def check(self) -> Iterator[Violation]:
        """Yield a violation for every run of entries with the same fault."""
        arrived = set()
        for vma in self.before.space.vmas:
            for vpn in range(vma.start, vma.end):
                arrived.add(vpn + self.done.distance)
                self._entry(vma, vpn)
        for vpn, pte in self.done.space.entries():
            if vpn >= self.done.distance and vpn not in arrived:
                text = "entry where nothing was moved to"
                self.found.add(Guarantee.MOVED, _SIDE, vpn, text)
            elif vpn < self.done.distance and pte != self.before.space.get(vpn):
                text = "entry outside the mappings changed"
                self.found.add(Guarantee.ENTRY_BITS, _SIDE, vpn, text)
        return self.found.violations()

    def _entry(self, vma: Vma, vpn: int) -> None:
        was, now = self.before.space.gathered(vpn), self._at_new_address(vpn)
        add = self.found.add
        if was and self.done.space.get(vpn):
            add(Guarantee.MOVED, _SIDE, vpn, "entry is still at the old address")
        if was and not now:
            add(Guarantee.MOVED, _SIDE, vpn, "entry did not arrive")
            return
        if (was ^ now) & ~_MAY_CHANGE:
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry maps something else")
            return
        want = was & UFFD_WP if vma.keeps_uffd_wp else 0
        if now & UFFD_WP != want:
            text = "uffd-wp bit was lost" if want else "uffd-wp bit is still set: nobody asks"
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, text)
        if was & ~now & SOFT_DIRTY:
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "soft-dirty bit was lost")
        if was & ~now & (DIRTY | YOUNG):
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry lost its dirty or young bit")
        elif now & ~was & DIRTY and not self._in_dirty_folio(was):
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry became dirty")

    def _in_dirty_folio(self, pte: int) -> bool:
        page = page_of(self.before, pte) if pte & PRESENT else None
        return page is not None and page[0].first_pfn in self.dirty

    def _at_new_address(self, vpn: int) -> int:
        return self.done.space.gathered(vpn + self.done.distance)
