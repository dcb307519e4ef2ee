"""What every loop of ``mremap()`` is made of.

Each piece changes the page tables and yields the event that the change is; the recorded step of
the strategy's program stands behind the event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from costmodel.code.events import Step
from costmodel.code.uops import Uop
from costmodel.mm.pte import CONT, CONT_PTES, PRESENT
from costmodel.operations.mremap.mm import MovedTable, MremapOperation, moved_entry
from costmodel.operations.shared.contpte import convert, gathered
from costmodel.operations.shared.entry import Counted, Entry, Steps

Move = Callable[[MremapOperation, MovedTable, Entry], Counted]
"""Moves entries from a present one on; returns how many."""


def move_tables(mremap: MremapOperation, move: Move) -> Steps:
    """Go through every table."""
    for table in mremap.tables():
        yield from move_entries(mremap, table, move)


def move_entries(mremap: MremapOperation, table: MovedTable, move: Move) -> Steps:
    """Move the entries of one table under its lock, then flush it."""
    yield entry_at(mremap, table, table.first).step("lock")
    slot = table.first
    while slot < table.end:
        entry = yield from read(mremap, table, slot)
        if entry.pte & PRESENT:
            slot += yield from move(mremap, table, entry)
            continue
        if entry.pte:
            yield from empty(table, entry)
            table.dst.set_nonpresent(slot, moved_entry(table.vma, entry.pte))
            yield entry.step("set")
        slot += 1
    mremap.flush(table)


def entry_at(mremap: MremapOperation, table: MovedTable, slot: int) -> Entry:
    """Return an entry with the folio behind it."""
    pte = table.src.slots[slot]
    entry = Entry(slot, pte, mremap.folio_of(pte))
    if mremap.contpte:
        entry.note_alignment()
    return entry


def read(
    mremap: MremapOperation, table: MovedTable, slot: int
) -> Generator[Step | Uop, Any, Entry]:
    """Read an entry (``ptep_get()``: with the bits of its whole contiguous block)."""
    entry = entry_at(mremap, table, slot)
    entry.value = yield entry.step("read")
    if entry.pte & CONT:
        yield gathered(entry)
    return entry


def empty(table: MovedTable, entry: Entry, count: int = 1) -> Steps:
    """Empty entries (``ptep_get_and_clear()``), one atomic each."""
    entry.pte = table.src.clear(entry.slot, count)
    for ahead in range(count):
        yield entry.step("clear", ahead)


def arrive(mremap: MremapOperation, table: MovedTable, entry: Entry, count: int = 1) -> Steps:
    """Store entries at their new address; contpte puts a block together behind its last one."""
    pte = moved_entry(table.vma, entry.pte)
    if mremap.contpte and count > 1:
        table.dst.set_contpte(entry.slot, count, pte)
    else:
        table.dst.set_ptes(entry.slot, count, pte & ~CONT)
    for ahead in range(count):
        yield entry.step("set", ahead)
    last = entry.slot % CONT_PTES == CONT_PTES - 1
    if mremap.contpte and count == 1 and last and table.dst.can_fold(entry.slot, entry.folio):
        yield from convert(table.dst, "dst", entry, cont=True)
