"""``v6.12``: one entry at a time, as ``change_pte_range()`` was until v6.17."""

from __future__ import annotations

from costmodel.mm.pte import CONT
from costmodel.operations.mprotect import loop
from costmodel.operations.mprotect.mm import MprotectOperation, ProtectedTable
from costmodel.operations.shared.contpte import convert
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import empty, fold


def change_per_pte(mprotect: MprotectOperation) -> Steps:
    """Change entry by entry; a contiguous block unfolds at its first entry, folds at its last."""
    return loop.change_tables(mprotect, change_entry)


def change_entry(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Counted:
    """Change one present entry."""
    if entry.pte & CONT:
        yield from convert(table.src, "src", entry, cont=False)
    yield from empty(table, entry)
    writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
    if loop.looks_at_pages(table) and entry.folio is not None:
        yield entry.step("check")
    yield from loop.commit(mprotect, table, entry, writable=writable)
    if mprotect.contpte:
        yield from fold(table.src, "src", entry)
    return 1
