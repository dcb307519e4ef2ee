"""What every loop of ``mprotect()`` is made of.

Each piece changes the page tables and yields the event that the change is; the recorded step of
the strategy's program stands behind the event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop
from costmodel.mm.address_space import VmaKind
from costmodel.mm.pte import CONT, CONT_PTES, MIGRATION, PFN_SHIFT, PRESENT, WRITE
from costmodel.operations.mprotect.mm import MprotectOperation, ProtectedTable, changed_nonpresent
from costmodel.operations.shared.contpte import convert, gathered
from costmodel.operations.shared.entry import Counted, Entry, Steps

Change = Callable[[MprotectOperation, ProtectedTable, Entry], Counted]
"""Changes entries from a present one on; returns how many."""


def change_tables(mprotect: MprotectOperation, change: Change) -> Steps:
    """Go through every table under its lock; ``change`` what is present."""
    for table in mprotect.tables():
        yield entry_at(mprotect, table, table.first).step("lock")
        slot = table.first
        while slot < table.end:
            entry = yield from read(mprotect, table, slot)
            if entry.pte & PRESENT:
                slot += yield from change(mprotect, table, entry)
                continue
            yield from change_nonpresent(mprotect, table, entry)
            slot += 1


def entry_at(mprotect: MprotectOperation, table: ProtectedTable, slot: int) -> Entry:
    """Return an entry with the folio behind it."""
    pte = table.src.slots[slot]
    entry = Entry(slot, pte, mprotect.folio_of(pte))
    if table.vma.kind is VmaKind.SHARED:
        entry.traits |= Trait.SHARED
    if mprotect.contpte:
        entry.note_alignment()
    return entry


def read(
    mprotect: MprotectOperation, table: ProtectedTable, slot: int
) -> Generator[Step | Uop, Any, Entry]:
    """Read an entry (``ptep_get()``: with the bits of its whole contiguous block)."""
    entry = entry_at(mprotect, table, slot)
    entry.value = yield entry.step("read")
    if entry.pte & CONT:
        yield gathered(entry)
    return entry


def change_nonpresent(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Steps:
    """Change what maps nothing: a page that is being moved must not be written when it arrives."""
    moving = mprotect.frames.find(entry.pte >> PFN_SHIFT) if entry.pte & MIGRATION else None
    changed = changed_nonpresent(entry.pte, anon=moving is not None and moving.anon)
    if changed != entry.pte:
        table.src.set_nonpresent(entry.slot, changed)
        yield entry.step("commit")


def empty(table: ProtectedTable, entry: Entry, count: int = 1) -> Steps:
    """Empty entries (``modify_prot_start_ptes()``), one atomic each.

    Nobody else sets access or dirty bits in them meanwhile; those that they have are kept.
    """
    entry.pte = table.src.clear(entry.slot, count)
    for ahead in range(count):
        yield entry.step("clear", ahead)


def commit(
    mprotect: MprotectOperation,
    table: ProtectedTable,
    entry: Entry,
    count: int = 1,
    *,
    ahead: int = 0,
    writable: bool = False,
) -> Steps:
    """Store entries with their new protection, note them for the flush.

    They are ``count`` of a batch, from the one that is ``ahead`` on.
    """
    pte = entry.pte + (ahead << PFN_SHIFT)
    pte = pte | WRITE if writable else pte & ~WRITE
    slot = entry.slot + ahead
    if mprotect.contpte:
        table.src.set_contpte(slot, count, pte)
    else:
        table.src.set_ptes(slot, count, pte)
    mprotect.flush_later(table.src, slot, count)
    for number in range(ahead, ahead + count):
        yield entry.step("commit", number)


def looks_at_pages(table: ProtectedTable) -> bool:
    """Tell whether each page decides: a private mapping becomes writable."""
    return table.vma.writable and table.vma.kind is not VmaKind.SHARED


def unfold(table: ProtectedTable, entry: Entry) -> Steps:
    """Take the block of an entry apart."""
    yield from convert(table.src, "src", entry, cont=False)


def fold(table: ProtectedTable, entry: Entry) -> Steps:
    """Put a block together behind its last entry, if all of it fits."""
    if entry.slot % CONT_PTES == CONT_PTES - 1 and table.src.can_fold(entry.slot, entry.folio):
        yield from convert(table.src, "src", entry, cont=True)
