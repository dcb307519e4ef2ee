"""What fork must leave behind, derived only from the state of the process before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from costmodel.mm.address_space import Rss, Vma
from costmodel.mm.build import Memory, page_of
from costmodel.mm.live_table import shared_entry
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    HUGE,
    MIGRATION,
    PFN_SHIFT,
    PRESENT,
    SWAP,
    TABLE_PTES,
    UFFD_WP,
    WRITE,
    YOUNG,
    gathered_pte,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry that fork must copy: what it was before, and what both sides must hold after.

    ``vpn`` is the virtual page number. Entries are as ``ptep_get()`` sees them, without the
    contiguous bit. With ``copied`` the page must be copied at once to a frame of the child's own,
    so the frame number in ``child`` has no meaning.
    """

    vpn: int
    vma: Vma
    before: int
    parent: int
    child: int
    copied: bool = False


@dataclass(slots=True)
class Expectation:
    """All entries that fork must copy, and by how much it must raise each counter.

    ``mapped`` counts mappings by first frame of the folio and page in it, ``entire`` those by PMDs
    by first frame, ``swap`` uses of swap entries by offset, ``rss`` pages of the child's resident
    set.
    """

    slots: list[Slot] = field(default_factory=list)
    mapped: Counter[tuple[int, int]] = field(default_factory=Counter)
    entire: Counter[int] = field(default_factory=Counter)
    swap: Counter[int] = field(default_factory=Counter)
    rss: Counter[Rss] = field(default_factory=Counter)


def expect_fork(before: Memory) -> Expectation:
    """Return what fork must do to a process in the state ``before``."""
    expected = Expectation()
    for vma in before.space.vmas:
        if vma.is_copied:
            for vpn, pte in _entries(before, vma):
                slot = _slot(before, vma, vpn, pte)
                expected.slots.append(slot)
                _count(expected, before, slot)
    return expected


def _entries(before: Memory, vma: Vma) -> Iterator[tuple[int, int]]:
    """Iterate over (page, gathered entry without cont bit) of a mapping, empty ones included."""
    for number, first, end in vma.table_ranges():
        slots = before.space.pmds.find(number)
        if slots is not None:
            base = number * TABLE_PTES
            for index in range(first, end):
                yield base + index, gathered_pte(slots, index) & ~CONT
        elif huge := before.space.get(number * TABLE_PTES):
            yield number * TABLE_PTES, huge


def _slot(before: Memory, vma: Vma, vpn: int, pte: int) -> Slot:
    """Return the slot of one page."""
    dropped = 0 if vma.keeps_uffd_wp else UFFD_WP
    if not pte & PRESENT:
        shared = shared_entry(pte) if vma.is_cow else pte
        return Slot(vpn, vma, pte, shared, shared & ~dropped)
    found = page_of(before, pte)
    if found is not None and found[0].pinned and found[0].exclusive[found[1]]:
        child = pte & ~dropped | PRESENT | WRITE | DIRTY
        return Slot(vpn, vma, pte, pte, child, copied=True)
    parent = pte & ~WRITE if vma.is_cow else pte
    dropped |= YOUNG if vma.is_cow else YOUNG | DIRTY
    return Slot(vpn, vma, pte, parent, parent & ~dropped)


def _count(expected: Expectation, before: Memory, slot: Slot) -> None:
    """Add what one page does to the counters."""
    pte = slot.before
    if pte & SWAP:
        expected.swap[pte >> PFN_SHIFT] += 1
        expected.rss[Rss.SWAP] += 1
    elif pte & MIGRATION:
        moving = before.frames.find(pte >> PFN_SHIFT)
        expected.rss[Rss.ANON if moving is not None and moving.anon else Rss.FILE] += 1
    elif (found := page_of(before, pte)) is not None:
        folio, page = found
        expected.rss[Rss.ANON if folio.anon else Rss.FILE] += folio.pages if pte & HUGE else 1
        if pte & HUGE:
            expected.entire[folio.first_pfn] += 1
        elif not slot.copied:
            expected.mapped[folio.first_pfn, page] += 1
