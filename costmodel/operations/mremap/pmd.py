"""Moves what PMDs map, as ``move_huge_pmd()`` of 6.12 does."""

from __future__ import annotations

from costmodel.operations.mremap.loop import arrive
from costmodel.operations.mremap.mm import MovedTable, MremapOperation
from costmodel.operations.shared.entry import Entry, Steps
from costmodel.operations.shared.walk import empty, entry_of


def move_pmds(mremap: MremapOperation) -> Steps:
    """Move each PMD that maps a folio."""
    for table in mremap.pmds():
        yield from move_pmd(mremap, table)


def move_pmd(mremap: MremapOperation, table: MovedTable) -> Steps:
    """Move one PMD, and the page table that waits beside it; then flush."""
    entry: Entry = entry_of(mremap, table, 0)
    yield from empty(table, entry)
    mremap.move_deposit(table)
    yield from arrive(mremap, table, entry)
    mremap.flush(table)
