"""Moves page tables as a whole (``move_normal_pmd()``): only the entry of the level above changes.

Both addresses must be aligned to 2 MiB, and architecture and mapping must allow it.
"""

from __future__ import annotations

from costmodel.operations.mremap import loop
from costmodel.operations.mremap.mm import MremapOperation
from costmodel.operations.mremap.per_pte import move_entry
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.walk import entry_of


def move_whole_tables(mremap: MremapOperation) -> Steps:
    """Move whole tables; a table that must not be moved so is moved entry by entry."""
    for table in mremap.tables():
        if not mremap.can_move_whole(table):
            yield from loop.move_entries(mremap, table, move_entry)
            continue
        mremap.move_whole(table)
        mremap.flush(table)
        yield entry_of(mremap, table, table.first).step("table")
