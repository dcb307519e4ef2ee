"""The loops of ``mremap()``, and the pieces that all of them are made of.

Each piece changes the page tables and yields an event for each change; behind an event stands the
step that the kernel of the strategy executes for it. ``v6.12`` moves one entry at a time, as
``move_ptes()`` did until v6.17. The loops of v6.17 scan for a batch, empty all its entries, and
store them at the new address at once. Page tables that are aligned to 2 MiB at both addresses can
move as a whole (``move_normal_pmd()``); a PMD that maps a folio always does (``move_huge_pmd()`` of
6.12).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from costmodel.mm.pte import CONT, DIRTY, SOFT_DIRTY, YOUNG
from costmodel.operations.mremap.mm import MovedTable, MremapOperation, moved_entry
from costmodel.operations.shared.contpte import convert
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan
from costmodel.operations.shared.walk import empty, empty_batch, entry_of, fold, walk

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
    """Move an entry that maps nothing and is not empty."""
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


def move_per_pte(mremap: MremapOperation) -> Steps:
    """Move entry by entry; a contiguous block unfolds at its first and folds at its last entry."""
    return move_tables(mremap, move_entry)


def move_entry(mremap: MremapOperation, table: MovedTable, entry: Entry) -> Counted:
    """Move one present entry."""
    if entry.pte & CONT:
        yield from convert(table.src, "src", entry, cont=False)
    yield from empty(table, entry)
    yield from arrive(mremap, table, entry)
    return 1


_BITS = YOUNG | DIRTY | SOFT_DIRTY
"""Bits that may differ within a batch."""
_PLAIN = Scan(always_ignored=_BITS)
_CONTPTE = Scan(always_ignored=_BITS, gathers=True, hints=True)


def batched(mremap: MremapOperation) -> Steps:
    """Move in batches; the struct page of every entry is looked at, as in v6.17-rc1."""
    return move_tables(mremap, partial(_move_from, _PLAIN, False))


def contpte_batched(mremap: MremapOperation) -> Steps:
    """Move as :func:`batched` with contiguous blocks, which stay folded if a batch covers them."""
    return move_tables(mremap, partial(_move_from, _CONTPTE, False))


def hinted(mremap: MremapOperation) -> Steps:
    """Move in batches only where the entry itself says that others follow: contiguous blocks."""
    return move_tables(mremap, partial(_move_from, _PLAIN, True))


def contpte_hinted(mremap: MremapOperation) -> Steps:
    """Move as :func:`hinted` with contiguous blocks, whose struct pages alone are looked at."""
    return move_tables(mremap, partial(_move_from, _CONTPTE, True))


def _move_from(
    how: Scan, needs_hint: bool, mremap: MremapOperation, table: MovedTable, entry: Entry
) -> Counted:
    alone = table.end - entry.slot == 1  # nothing is left to batch
    looks = not alone and (entry.pte & CONT or not needs_hint)
    count = yield from empty_batch(table, entry, how if looks else None)
    yield from arrive(mremap, table, entry, count)
    return count


def move_whole_tables(mremap: MremapOperation) -> Steps:
    """Move whole tables; a table that must not be moved so is moved entry by entry."""
    for table in mremap.tables():
        if not mremap.can_move_whole(table):
            yield from move_entries(mremap, table, move_entry)
            continue
        mremap.move_whole(table)
        mremap.flush(table)
        yield entry_of(mremap, table, table.first).step("table")


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
