"""Changes the protection of what PMDs map, as ``change_huge_pmd()`` of 6.12 does."""

from __future__ import annotations

from costmodel.operations.mprotect.loop import commit, looks_at_pages
from costmodel.operations.mprotect.mm import MprotectOperation, ProtectedTable
from costmodel.operations.shared.entry import Entry, Steps
from costmodel.operations.shared.walk import empty, entry_of


def change_pmds(mprotect: MprotectOperation) -> Steps:
    """Change each PMD that maps a folio."""
    for table in mprotect.pmds():
        yield from change_pmd(mprotect, table)


def change_pmd(mprotect: MprotectOperation, table: ProtectedTable) -> Steps:
    """Change one PMD: it is taken out, so that no CPU sets bits in it, and stored again."""
    entry: Entry = entry_of(mprotect, table, 0)
    yield from empty(table, entry)
    writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
    if looks_at_pages(table):
        yield entry.step("check")
    yield from commit(mprotect, table, entry, writable=writable)
