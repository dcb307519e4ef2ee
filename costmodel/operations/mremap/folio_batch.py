"""Loops of mremap that batch by folio, as merged in v6.17.

A batch is scanned for, all its entries are emptied, and they are stored at the new address at once.
"""

from __future__ import annotations

from functools import partial

from costmodel.mm.pte import CONT, DIRTY, SOFT_DIRTY, YOUNG
from costmodel.operations.mremap import loop
from costmodel.operations.mremap.mm import MovedTable, MremapOperation
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan, scan
from costmodel.operations.shared.walk import empty

_BITS = YOUNG | DIRTY | SOFT_DIRTY
"""Bits that may differ within a batch."""
_PLAIN = Scan(always_ignored=_BITS)
_CONTPTE = Scan(always_ignored=_BITS, gathers=True, hints=True)


def batched(mremap: MremapOperation) -> Steps:
    """Move in batches; the struct page of every entry is looked at, as in v6.17-rc1."""
    return loop.move_tables(mremap, partial(_move_from, _PLAIN, False))


def contpte_batched(mremap: MremapOperation) -> Steps:
    """Move as :func:`batched` with contiguous blocks, which stay folded if a batch covers them."""
    return loop.move_tables(mremap, partial(_move_from, _CONTPTE, False))


def hinted(mremap: MremapOperation) -> Steps:
    """Move in batches only where the entry itself says that others follow: contiguous blocks."""
    return loop.move_tables(mremap, partial(_move_from, _PLAIN, True))


def contpte_hinted(mremap: MremapOperation) -> Steps:
    """Move as :func:`hinted` with contiguous blocks, whose struct pages alone are looked at."""
    return loop.move_tables(mremap, partial(_move_from, _CONTPTE, True))


def _move_from(
    how: Scan, needs_hint: bool, mremap: MremapOperation, table: MovedTable, entry: Entry
) -> Counted:
    count = 1
    alone = table.end - entry.slot == 1  # nothing is left to batch
    looks = not alone and (entry.pte & CONT or not needs_hint)
    if looks and entry.folio is not None:
        yield entry.step("folio")
        if entry.folio.order:
            count = yield from scan(table, entry, how)
    yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from empty(table, entry, count)
    yield from loop.arrive(mremap, table, entry, count)
    return count
