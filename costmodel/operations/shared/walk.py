"""The walk over a table by operations that empty entries and store them again, and its pieces."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop
from costmodel.mm.address_space import VmaKind
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import CONT, CONT_PTES, PRESENT
from costmodel.operations.shared.contpte import convert, gathered
from costmodel.operations.shared.entry import Counted, Entry, Steps, TablePart


def walk(
    begun: TableOperation,
    part: TablePart,
    change: Callable[[Entry], Counted],
    change_nonpresent: Callable[[Entry], Steps],
) -> Steps:
    """Go through the part of a table under its lock.

    ``change`` handles entries from a present one on and returns how many; ``change_nonpresent``
    an entry that maps nothing.
    """
    yield entry_of(begun, part, part.first).step("lock")
    slot = part.first
    while slot < part.end:
        entry = yield from read_entry(begun, part, slot)
        if entry.pte & PRESENT:
            slot += yield from change(entry)
            continue
        yield from change_nonpresent(entry)
        slot += 1


def entry_of(begun: TableOperation, part: TablePart, slot: int) -> Entry:
    """Return an entry with the folio behind it."""
    pte = part.src.slots[slot]
    entry = Entry(slot, pte, begun.folio_of(pte))
    if part.vma.kind is VmaKind.SHARED:
        entry.traits |= Trait.SHARED
    if part.vma.write_protects is not None:
        entry.traits |= Trait.TRACKED
    if begun.contpte:
        entry.note_alignment()
    return entry


def read_entry(
    begun: TableOperation, part: TablePart, slot: int
) -> Generator[Step | Uop, Any, Entry]:
    """Read an entry (``ptep_get()``: with the bits of its whole contiguous block)."""
    entry = entry_of(begun, part, slot)
    entry.value = yield entry.step("read")
    if entry.pte & CONT:
        yield gathered(entry)
    return entry


def empty(part: TablePart, entry: Entry, count: int = 1) -> Steps:
    """Empty entries, one atomic each.

    Nobody else sets access or dirty bits in them meanwhile; those that they have are kept.
    """
    entry.pte = part.src.clear(entry.slot, count)
    for ahead in range(count):
        yield entry.step("clear", ahead)


def fold(table: LiveTable, side: str, entry: Entry) -> Steps:
    """Put a block together behind its last entry, if all of it fits; ``side``: as ``convert``."""
    if entry.slot % CONT_PTES == CONT_PTES - 1 and table.can_fold(entry.slot, entry.folio):
        yield from convert(table, side, entry, cont=True)
