"""The loops of ``mprotect()``, and the pieces that all of them are made of.

Each piece changes the page tables and yields an event for each change; behind an event stands the
step that the kernel of the strategy executes for it. ``v6.12`` changes one entry at a time, as
``change_pte_range()`` did until v6.17. The loops of v6.17 scan for a batch, empty all its entries,
and store runs of equal ones again. What PMDs map is changed as ``change_huge_pmd()`` of 6.12 does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from costmodel.mm.address_space import VmaKind
from costmodel.mm.pte import CONT, DIRTY, MIGRATION, PFN_SHIFT, WRITE, YOUNG
from costmodel.operations.mprotect.mm import (
    MprotectOperation,
    ProtectedTable,
    as_registered,
    changed_nonpresent,
)
from costmodel.operations.shared.contpte import convert
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan
from costmodel.operations.shared.walk import empty, empty_batch, entry_of, fold, walk

Change = Callable[[MprotectOperation, ProtectedTable, Entry], Counted]
"""A function that changes entries from a present one on, and returns their number."""


def change_tables(mprotect: MprotectOperation, change: Change) -> Steps:
    """Go through every table under its lock; ``change`` handles present entries."""
    for table in mprotect.tables():
        yield from walk(
            mprotect,
            table,
            partial(change, mprotect, table),
            partial(change_nonpresent, mprotect, table),
        )


def change_nonpresent(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Steps:
    """Change an entry that maps nothing: a writable migration entry becomes a readable one."""
    moving = mprotect.frames.find(entry.pte >> PFN_SHIFT) if entry.pte & MIGRATION else None
    anon = moving is not None and moving.anon
    changed = changed_nonpresent(table.vma, entry.pte, anon=anon)
    if changed != entry.pte:
        table.src.set_nonpresent(entry.slot, changed)
        yield entry.step("commit")


def commit(
    mprotect: MprotectOperation,
    table: ProtectedTable,
    entry: Entry,
    count: int = 1,
    *,
    ahead: int = 0,
    writable: bool = False,
) -> Steps:
    """Store ``count`` entries of a batch with their new protection, and note them for the flush.

    They are those from the entry ``ahead`` slots behind ``entry`` on. ``writable``: they become
    writable.
    """
    pte = as_registered(table.vma, entry.pte + (ahead << PFN_SHIFT))
    pte = pte | WRITE if writable else pte & ~WRITE
    slot = entry.slot + ahead
    if mprotect.contpte:
        table.src.set_contpte(slot, count, pte)
    else:
        table.src.set_ptes(slot, count, pte)
    mprotect.flush_later(table.src, slot, count)
    for number in range(ahead, ahead + count):
        yield entry.step("commit", number)


def looks_at_pages(table: ProtectedTable) -> bool:
    """Tell whether each page decides: a private mapping becomes writable."""
    vma = table.vma
    return vma.writable and vma.kind is not VmaKind.SHARED and not vma.write_protects


def change_per_pte(mprotect: MprotectOperation) -> Steps:
    """Change entry by entry; a contiguous block unfolds at its first entry, folds at its last."""
    return change_tables(mprotect, change_entry)


def change_entry(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Counted:
    """Change one present entry."""
    if entry.pte & CONT:
        yield from convert(table.src, "src", entry, cont=False)
    yield from empty(table, entry)
    writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
    if looks_at_pages(table) and entry.folio is not None:
        yield entry.step("check")
    yield from commit(mprotect, table, entry, writable=writable)
    if mprotect.contpte:
        yield from fold(table.src, "src", entry)
    return 1


@dataclass(frozen=True)
class ProtectBatching(Scan):
    """The scan of the batching loops: write and soft-dirty bits must match within a batch."""

    always_ignored: int = YOUNG | DIRTY
    keeps_soft_dirty: bool = True


def change_batched(mprotect: MprotectOperation, how: ProtectBatching) -> Steps:
    """Change batch by batch; a single page is a batch of one, whose folio is looked at too."""
    return change_tables(mprotect, partial(_change_from, how))


def _change_from(
    how: ProtectBatching, mprotect: MprotectOperation, table: ProtectedTable, entry: Entry
) -> Counted:
    count = yield from empty_batch(table, entry, how)
    if looks_at_pages(table):
        yield from _commit_runs(mprotect, table, entry, count)
    else:
        writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
        yield from commit(mprotect, table, entry, count, writable=writable)
    return count


def _commit_runs(
    mprotect: MprotectOperation, table: ProtectedTable, entry: Entry, count: int
) -> Steps:
    """Store a batch in runs of pages that are all exclusive, or all not exclusive."""
    writable = [
        mprotect.may_write(table.vma, entry.pte + (ahead << PFN_SHIFT), entry.folio)
        for ahead in range(count)
    ]
    first = 0
    while first < count:
        end = first + 1
        while end < count and writable[end] == writable[first]:
            end += 1
        if entry.folio is not None and entry.folio.anon:
            for ahead in range(first, end):
                yield entry.step("check", ahead)
        yield from commit(
            mprotect, table, entry, end - first, ahead=first, writable=writable[first]
        )
        first = end


def batched(mprotect: MprotectOperation) -> Steps:
    """Change as merged in v6.17; later kernels with a path for single pages do the same."""
    return change_batched(mprotect, ProtectBatching())


def contpte_batched(mprotect: MprotectOperation) -> Steps:
    """Change as :func:`batched` with contiguous blocks: they stay folded, the scan skips them."""
    return change_batched(mprotect, ProtectBatching(gathers=True, hints=True))


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
