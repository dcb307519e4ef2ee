"""``v6.12``: one entry at a time, as ``move_ptes()`` was until v6.17."""

from __future__ import annotations

from costmodel.mm.pte import CONT
from costmodel.operations.mremap import loop
from costmodel.operations.mremap.mm import MovedTable, MremapOperation
from costmodel.operations.shared.contpte import convert
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import empty


def move_per_pte(mremap: MremapOperation) -> Steps:
    """Move entry by entry; a contiguous block unfolds at its first and folds at its last entry."""
    return loop.move_tables(mremap, move_entry)


def move_entry(mremap: MremapOperation, table: MovedTable, entry: Entry) -> Counted:
    """Move one present entry."""
    if entry.pte & CONT:
        yield from convert(table.src, "src", entry, cont=False)
    yield from empty(table, entry)
    yield from loop.arrive(mremap, table, entry)
    return 1
