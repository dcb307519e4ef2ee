"""A page table as strategies see it: the primitives that read and change its entries.

Slots count from the start of the table. A range of slots that leaves the mapping's part of the
table is reported as a fault, and carried out for the slots inside: the kernel would not notice it.
"""

from __future__ import annotations

from typing import Final

from costmodel.mm.address_space import Slots
from costmodel.mm.folio import Folio
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    EXCLUSIVE,
    MIGRATION,
    PFN_SHIFT,
    PFN_STEP,
    PRESENT,
    SWAP,
    TABLE_PTES,
    WRITE,
    YOUNG,
    gathered_pte,
)
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural, span

Batch = tuple[int, int]
"""First virtual page number of entries that were set at once, and their number."""

_TORN: Final = (
    "replaced while a TLB may still hold the old translation (other frame or other cont bit): "
    "clear, TLBI and DSB must come first"
)
_RACED: Final = (
    "stored over present ones, which a CPU may mark dirty or accessed in between: they must be "
    "emptied by an atomic first"
)
_TWICE: Final = (
    "stored at the new address while the old one still maps them, where a CPU may mark them dirty "
    "or accessed in between: they must be emptied by an atomic first"
)


class LiveTable:
    """A page table of an address space; its slots ``first`` to ``end`` belong to the mapping.

    ``slots`` may be read directly where speed matters; change it only through the methods.
    ``base`` is the virtual page number of slot 0. ``batches`` holds what was set at once. ``old``
    is the table whose entries move to this one, if there is one.
    """

    __slots__ = ("base", "batches", "end", "faults", "first", "old", "slots", "tlb")

    def __init__(
        self,
        slots: Slots,
        base: int,
        part: tuple[int, int],
        tlb: TlbView,
        faults: list[Violation],
        *,
        old: LiveTable | None = None,
    ) -> None:
        """Open the part (first slot, end slot) of a table; ``faults`` receives what goes wrong."""
        self.slots = slots
        self.base = base
        self.first, self.end = part
        self.tlb = tlb
        self.faults = faults
        self.batches: list[Batch] = []
        self.old = old

    def read(self, slot: int) -> int:
        """Return the raw entry, which is one load."""
        return self.slots[slot]

    def ptep_get(self, slot: int) -> int:
        """Return the entry with the dirty and access bits of its whole contiguous block.

        That is one load, and 16 more if the entry has the contiguous bit.
        """
        return gathered_pte(self.slots, slot)

    def write_protect(self, slot: int, count: int = 1) -> None:
        """Clear the write bit of ``count`` entries from ``slot`` on, one atomic each."""
        slots, live = self.slots, self.tlb.live
        for index in self._inside(slot, count, "write-protected"):
            pte = slots[index]
            if pte & WRITE:
                slots[index] = pte & ~WRITE
                if live:
                    self.tlb.weakened(self.base + index)

    def clear(self, slot: int, count: int = 1) -> int:
        """Empty ``count`` entries; return the first one, with the dirty and access bits of all."""
        return self._clear(self._inside(slot, count, "cleared"))

    def set_ptes(self, slot: int, count: int, pte: int) -> None:
        """Store ``count`` entries with the flags of ``pte``, for frames from its own one on."""
        self._remember(slot, count)
        self._store(slot, count, pte)

    def set_contpte(self, slot: int, count: int, pte: int) -> None:
        """Store entries as :meth:`set_ptes`, with the contiguous bit on whole aligned blocks.

        That is what ``set_ptes()`` of an arm64 kernel with contpte does.
        """
        self._remember(slot, count)
        pte &= ~CONT
        end = slot + count
        while slot < end:
            step = min(end, (slot & -CONT_PTES) + CONT_PTES) - slot
            whole = step == CONT_PTES and not (pte >> PFN_SHIFT) % CONT_PTES
            self._store(slot, step, pte | CONT if whole and pte & PRESENT else pte)
            pte += step << PFN_SHIFT
            slot += step

    def _remember(self, slot: int, count: int) -> None:
        """Remember entries that were set at once: they may share a dirty bit across blocks."""
        first, end = max(slot, self.first), min(slot + count, self.end)
        if count > 1:
            self.batches.append((self.base + first, max(0, end - first)))

    def _store(self, slot: int, count: int, pte: int) -> None:
        """Store entries that map consecutive frames, as far as they lie in this part."""
        inside = self._inside(slot, count, "set")
        if self.old is not None and self.tlb.live:
            twice = [index for index in inside if self.old.slots[index] & PRESENT]
            if twice:
                self._report(Guarantee.MOVED, twice, _TWICE)
        self._set(inside, pte + ((inside.start - slot) << PFN_SHIFT))

    def set_nonpresent(self, slot: int, pte: int) -> None:
        """Store a swap or migration entry, or replace one by another form of itself."""
        for index in self._inside(slot, 1, "set"):
            self.slots[index] = pte

    def can_fold(self, slot: int, folio: Folio | None) -> bool:
        """Tell whether the block of ``slot`` may become contiguous, which takes 16 loads.

        Its 16 entries must be present, map consecutive frames of ``folio`` from an aligned one on,
        be equal in all bits but dirty and access, and not have the contiguous bit yet.
        """
        start = slot & -CONT_PTES
        block = self.slots[start : start + CONT_PTES]
        expected = block[0] & ~(DIRTY | YOUNG)
        page = (expected >> PFN_SHIFT) - folio.first_pfn if folio is not None else -1
        if folio is None or not 0 <= page <= folio.pages - CONT_PTES or page % CONT_PTES:
            return False
        if expected & (PRESENT | CONT) != PRESENT:
            return False
        wanted = range(expected, expected + CONT_PTES * PFN_STEP, PFN_STEP)
        return all(pte & ~(DIRTY | YOUNG) == want for pte, want in zip(block, wanted, strict=True))

    def convert(self, slot: int, *, cont: bool) -> None:
        """Fold (``cont=True``) or unfold the block of ``slot``, with break-before-make.

        That is 16 clears, the TLBIs and the DSB that waits for them, and 16 stores. The block may
        reach into a neighbouring mapping, as in the kernel.
        """
        start = slot & -CONT_PTES
        block = range(start, start + CONT_PTES)
        pte = self._clear(block)
        self.tlbi(start, CONT_PTES)
        self.dsb()
        self._set(block, pte | CONT if cont else pte & ~CONT)

    def tlbi(self, slot: int, count: int) -> None:
        """Issue the invalidation of ``count`` entries; it is complete at the next :meth:`dsb`.

        Whether one TLBI does that or one for each page makes no difference here.
        """
        self.tlb.invalidate(range(self.base + slot, self.base + slot + count))

    def dsb(self) -> None:
        """Complete the invalidations issued so far."""
        self.tlb.synchronise()

    def _clear(self, inside: range) -> int:
        found = self.slots[inside.start] if inside else 0
        for index in inside:
            old = self.slots[index]
            self.slots[index] = 0
            self.tlb.cleared(self.base + index, old)
            found |= old & (DIRTY | YOUNG)
        return found

    def _set(self, inside: range, pte: int) -> None:
        slots = self.slots
        if not self.tlb.live:
            for index in inside:
                slots[index] = pte
                pte += PFN_STEP
            return
        torn: list[int] = []
        raced: list[int] = []
        for index in inside:
            old = slots[index]
            if not self.tlb.installed(self.base + index, old, pte):
                torn.append(index)
            elif old & PRESENT and old & (DIRTY | YOUNG) != DIRTY | YOUNG:
                raced.append(index)
            slots[index] = pte
            pte += PFN_STEP
        if torn:
            self._report(Guarantee.BREAK_BEFORE_MAKE, torn, _TORN)
        if raced:
            self._report(Guarantee.ENTRY_BITS, raced, _RACED)

    def _inside(self, slot: int, count: int, done: str) -> range:
        """Return the slots of a range inside this part; report a fault if some lie outside."""
        if self.first <= slot and slot + count <= self.end:
            return range(slot, slot + count)
        border = "table" if slot + count > TABLE_PTES else "VMA"
        what = (
            f"batch of {plural(count, 'PTE')} {done} beyond its {border}, "
            f"which ends at slot {self.end} of this table"
        )
        where = f"slot {slot} (page {self.base + slot})"
        vpns = range(self.base + slot, self.base + slot + count)
        self.faults.append(Violation(Guarantee.BATCH, where, what, vpns))
        return range(max(slot, self.first), min(slot + count, self.end))

    def _report(self, broken: Guarantee, indices: list[int], what: str) -> None:
        """Report entries that were stored where they must not be yet; ``what`` says why."""
        first, length = indices[0], indices[-1] + 1 - indices[0]
        vpns = range(self.base + first, self.base + first + length)
        where = f"slots {span(first, length)} (pages {span(vpns.start, length)})"
        what = f"{plural(len(indices), 'PTE')} {what}"
        self.faults.append(Violation(broken, where, what, vpns))


def shared_entry(pte: int) -> int:
    """Return a swap or migration entry as parent and child hold it after fork.

    A writable migration entry becomes a readable one, a swap entry loses its exclusive mark. Other
    entries are returned unchanged.
    """
    if pte & MIGRATION:
        return pte & ~(WRITE | EXCLUSIVE)
    return pte & ~EXCLUSIVE if pte & SWAP else pte
