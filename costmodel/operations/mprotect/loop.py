"""The pieces that every loop of ``mprotect()`` is made of.

Each piece changes the page tables and yields an event for each change; behind an event stands the
step that the kernel of the strategy executes for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from costmodel.mm.address_space import VmaKind
from costmodel.mm.pte import MIGRATION, PFN_SHIFT, WRITE
from costmodel.operations.mprotect.mm import (
    MprotectOperation,
    ProtectedTable,
    as_registered,
    changed_nonpresent,
)
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import walk

Change = Callable[[MprotectOperation, ProtectedTable, Entry], Counted]
"""A function that changes entries from a present one on, and returns their number."""


def change_tables(mprotect: MprotectOperation, change: Change) -> Steps:
    """Go through every table under its lock; ``change`` handles present entries."""
    for table in mprotect.tables():
        yield from walk(
            mprotect,
            table,
            partial(change, mprotect, table),
            partial(change_nonpresent, mprotect, table),
        )


def change_nonpresent(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Steps:
    """Change an entry that maps nothing: a writable migration entry becomes a readable one."""
    moving = mprotect.frames.find(entry.pte >> PFN_SHIFT) if entry.pte & MIGRATION else None
    anon = moving is not None and moving.anon
    changed = changed_nonpresent(table.vma, entry.pte, anon=anon)
    if changed != entry.pte:
        table.src.set_nonpresent(entry.slot, changed)
        yield entry.step("commit")


def commit(
    mprotect: MprotectOperation,
    table: ProtectedTable,
    entry: Entry,
    count: int = 1,
    *,
    ahead: int = 0,
    writable: bool = False,
) -> Steps:
    """Store ``count`` entries of a batch with their new protection, and note them for the flush.

    They are those from the entry ``ahead`` slots behind ``entry`` on. ``writable``: they become
    writable.
    """
    pte = as_registered(table.vma, entry.pte + (ahead << PFN_SHIFT))
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
    vma = table.vma
    return vma.writable and vma.kind is not VmaKind.SHARED and not vma.write_protects
