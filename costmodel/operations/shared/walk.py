"""The walk of operations that empty entries and store them again (mprotect, mremap)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop
from costmodel.mm.address_space import VmaKind
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import CONT, CONT_PTES, PRESENT
from costmodel.operations.shared.contpte import convert, gathered, unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps, TablePart
from costmodel.operations.shared.scan import Scan, scan


def walk(
    begun: TableOperation,
    part: TablePart,
    change: Callable[[Entry], Counted],
    change_nonpresent: Callable[[Entry], Steps],
) -> Steps:
    """Take the lock of a table and handle each entry of the part.

    ``change`` handles a batch of entries from a present one on and returns their number.
    ``change_nonpresent`` handles one that maps nothing and is not empty.
    """
    yield entry_of(begun, part, part.first).step("lock")
    slot = part.first
    while slot < part.end:
        if not part.src.slots[slot]:
            yield from begun.skip(slot)
            slot += 1
            continue
        entry = yield from read_entry(begun, part, slot)
        if entry.pte & PRESENT:
            slot += yield from change(entry)
            continue
        yield from change_nonpresent(entry)
        slot += 1


def entry_of(begun: TableOperation, part: TablePart, slot: int) -> Entry:
    """Return the entry at ``slot`` with its folio and traits."""
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
    """Read the entry at ``slot`` and return it; one of a contiguous block gathers the bits of all.

    That is what ``ptep_get()`` does.
    """
    entry = entry_of(begun, part, slot)
    entry.value = yield entry.step("read")
    if entry.pte & CONT:
        yield gathered(entry)
    return entry


def empty(part: TablePart, entry: Entry, count: int = 1) -> Steps:
    """Empty ``count`` entries, one atomic each, so that no CPU can set bits in them meanwhile.

    The access and dirty bits that they had are kept in ``entry.pte``. Whether a page is the first
    one of a large folio is told, because compilers ask heads and tails in two ways.
    """
    entry.pte = part.src.clear(entry.slot, count)
    for ahead in range(count):
        step = entry.step("clear", ahead)
        opens = step.page == step.head and step.traits & Trait.LARGE
        yield step.with_traits(Trait.OPENS) if opens else step


def empty_batch(part: TablePart, entry: Entry, how: Scan | None) -> Counted:
    """Find a batch from ``entry`` on and empty it; return its number of entries.

    ``how`` says which entries belong to it; None for ``entry`` alone, whose folio is not looked at.
    A contiguous block that the batch covers only in part is unfolded before.
    """
    count = 1
    if how is not None and entry.folio is not None:
        yield entry.step("folio")
        if entry.folio.order:
            count = yield from scan(part, entry, how)
    yield from unfold_partial(part, entry, count, whole_blocks_stay=True)
    yield from empty(part, entry, count)
    return count


def fold(table: LiveTable, side: str, entry: Entry) -> Steps:
    """Fold the contiguous block that ends with ``entry``, if all its entries fit together.

    Entries that do not end a block change nothing. ``side`` is that of :func:`convert`.
    """
    if entry.slot % CONT_PTES == CONT_PTES - 1 and table.can_fold(entry.slot, entry.folio):
        yield from convert(table, side, entry, cont=True)
