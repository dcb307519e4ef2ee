"""The pieces that every loop of ``mremap()`` is made of.

Each piece changes the page tables and yields an event for each change; behind an event stands the
step that the kernel of the strategy executes for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from costmodel.mm.pte import CONT
from costmodel.operations.mremap.mm import MovedTable, MremapOperation, moved_entry
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import empty, fold, walk

Move = Callable[[MremapOperation, MovedTable, Entry], Counted]
"""A function that moves entries from a present one on, and returns their number."""


def move_tables(mremap: MremapOperation, move: Move) -> Steps:
    """Move the entries of every table."""
    for table in mremap.tables():
        yield from move_entries(mremap, table, move)


def move_entries(mremap: MremapOperation, table: MovedTable, move: Move) -> Steps:
    """Move the entries of one table under its lock, then flush it."""
    yield from walk(mremap, table, partial(move, mremap, table), partial(move_nonpresent, table))
    mremap.flush(table)


def move_nonpresent(table: MovedTable, entry: Entry) -> Steps:
    """Move an entry that maps nothing, unless it is empty."""
    if entry.pte:
        yield from empty(table, entry)
        table.dst.set_nonpresent(entry.slot, moved_entry(table.vma, entry.pte))
        yield entry.step("set")


def arrive(mremap: MremapOperation, table: MovedTable, entry: Entry, count: int = 1) -> Steps:
    """Store ``count`` entries at their new address; contpte folds a block after its last entry."""
    pte = moved_entry(table.vma, entry.pte)
    if mremap.contpte and count > 1:
        table.dst.set_contpte(entry.slot, count, pte)
    else:
        table.dst.set_ptes(entry.slot, count, pte & ~CONT)
    for ahead in range(count):
        yield entry.step("set", ahead)
    if mremap.contpte and count == 1:
        yield from fold(table.dst, "dst", entry)
