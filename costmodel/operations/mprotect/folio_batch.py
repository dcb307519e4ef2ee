"""Loops of mprotect that batch by folio, as merged in v6.17.

A batch is scanned for, all its entries are emptied, and runs of equal ones are stored again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from costmodel.mm.pte import DIRTY, PFN_SHIFT, YOUNG
from costmodel.operations.mprotect import loop
from costmodel.operations.mprotect.mm import MprotectOperation, ProtectedTable
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan, scan
from costmodel.operations.shared.walk import empty


@dataclass(frozen=True)
class ProtectBatching(Scan):
    """The scan of the batching loops: write and soft-dirty bits must match within a batch."""

    always_ignored: int = YOUNG | DIRTY
    keeps_soft_dirty: bool = True


def change_batched(mprotect: MprotectOperation, how: ProtectBatching) -> Steps:
    """Change batch by batch; a single page is a batch of one, whose folio is looked at too."""
    return loop.change_tables(mprotect, partial(_change_from, how))


def _change_from(
    how: ProtectBatching, mprotect: MprotectOperation, table: ProtectedTable, entry: Entry
) -> Counted:
    count = 1
    if entry.folio is not None:
        yield entry.step("folio")
        if entry.folio.order:
            count = yield from scan(table, entry, how)
    yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from empty(table, entry, count)
    if loop.looks_at_pages(table):
        yield from _commit_runs(mprotect, table, entry, count)
    else:
        writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
        yield from loop.commit(mprotect, table, entry, count, writable=writable)
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
        yield from loop.commit(
            mprotect, table, entry, end - first, ahead=first, writable=writable[first]
        )
        first = end


def batched(mprotect: MprotectOperation) -> Steps:
    """Change as merged in v6.17; later kernels with a path for single pages do the same."""
    return change_batched(mprotect, ProtectBatching())


def contpte_batched(mprotect: MprotectOperation) -> Steps:
    """Change as :func:`batched` with contiguous blocks: they stay folded, the scan skips them."""
    return change_batched(mprotect, ProtectBatching(gathers=True, hints=True))
