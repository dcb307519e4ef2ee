"""Compares what an mprotect left behind with the guarantees of the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.address_space import Vma
from costmodel.mm.build import Memory
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    MIGRATION,
    PFN_SHIFT,
    PRESENT,
    SOFT_DIRTY,
    UFFD_WP,
    WRITE,
    YOUNG,
)
from costmodel.mm.sanity import check_cont, check_tlb
from costmodel.mm.violations import Findings, Guarantee, Violation
from costmodel.operations.mprotect.mm import MprotectOperation, as_registered, changed_nonpresent
from costmodel.operations.shared.counts import check_counts_kept
from costmodel.operations.shared.pmd import check_deposits

_SIDE = "mapping"
_TRACKED = SOFT_DIRTY | UFFD_WP
_MAY_CHANGE = CONT | WRITE | DIRTY | YOUNG | _TRACKED


def check_protection(before: Memory, done: MprotectOperation) -> list[Violation]:
    """Return a violation for every guarantee that a finished mprotect broke.

    ``before`` is the process before it (``memory.copy()``). The list is empty if all is correct.
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


def _wrong_bits(vma: Vma, was: int, now: int) -> str:
    """Return what is wrong with the bits by which writes are tracked."""
    if not (as_registered(vma, was) ^ now) & UFFD_WP:
        return "soft-dirty bit changed"
    if vma.write_protects is None:
        return "uffd-wp bit changed"
    return f"uffd-wp bit is {'not set' if vma.write_protects else 'still set'}"


class _Entries:
    """The entries before and after, and the faults found so far."""

    def __init__(self, before: Memory, done: MprotectOperation) -> None:
        self.before = before
        self.done = done
        self.found = Findings()
        self.dirty = {
            folio.first_pfn
            for _, pte in before.space.entries()
            if pte & DIRTY and (folio := done.folio_of(pte)) is not None
        }
        """Folios that some entry knows as dirty: a batch, or a block, has that bit as a whole."""

    def check(self) -> Iterator[Violation]:
        """Yield a violation for every run of entries with the same fault."""
        covered: set[int] = set()
        for vma in self.done.space.vmas:
            for vpn in range(vma.start, vma.end):
                covered.add(vpn)
                self._entry(vma, vpn)
        for vpn, pte in self.before.space.entries():
            if vpn not in covered and self.done.space.get(vpn) != pte:
                text = "entry outside the mappings changed"
                self.found.add(Guarantee.ENTRY_BITS, _SIDE, vpn, text)
        return self.found.violations()

    def _entry(self, vma: Vma, vpn: int) -> None:
        was, now = self.before.space.gathered(vpn), self.done.space.gathered(vpn)
        if not was & PRESENT:
            self._nonpresent(vma, vpn, was, now)
            return
        add = self.found.add
        if (was ^ now) & ~_MAY_CHANGE:
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry maps something else")
            return
        folio = self.done.folio_of(was)
        want = self.done.may_write(vma, was, folio) if vma.writable else False
        if now & WRITE and not want:
            add(Guarantee.PROTECTION, _SIDE, vpn, "entry is writable and must not be")
        elif want and not now & WRITE:
            add(Guarantee.PROTECTION, _SIDE, vpn, "entry is still read-only")
        if was & ~now & (DIRTY | YOUNG):
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry lost its dirty or young bit")
        elif now & ~was & DIRTY and (folio is None or folio.first_pfn not in self.dirty):
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, "entry became dirty")
        if (as_registered(vma, was) ^ now) & _TRACKED:
            add(Guarantee.ENTRY_BITS, _SIDE, vpn, _wrong_bits(vma, was, now))

    def _nonpresent(self, vma: Vma, vpn: int, was: int, now: int) -> None:
        moving = self.before.frames.find(was >> PFN_SHIFT) if was & MIGRATION else None
        want = changed_nonpresent(vma, was, anon=moving is not None and moving.anon)
        if now == want:
            return
        if (now ^ want) == UFFD_WP:
            self.found.add(Guarantee.ENTRY_BITS, _SIDE, vpn, _wrong_bits(vma, was, now))
            return
        if now & WRITE and not want & WRITE:
            text = "page on its way will be writable when it arrives"
            self.found.add(Guarantee.PROTECTION, _SIDE, vpn, text)
        else:
            text = "swap, migration or empty entry changed"
            self.found.add(Guarantee.ENTRY_BITS, _SIDE, vpn, text)
