"""``v6.7``, ``arch-batch-const1`` and ``contpte-per-pte``: unmap one entry at a time.

The first two walk alike, and differ in the instructions that the compiler makes of the loop. With
contiguous blocks, the first entry that is emptied unfolds its block: 16 swaps, 16 TLBIs, 2 DSBs and
16 stores. A kernel that empties what stays marked as a block (``ptep_get_and_clear_full()`` of the
contpte postings of 2023, where the whole address space goes) can be recorded.
"""

from __future__ import annotations

from functools import partial

from costmodel.mm.pte import CONT
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.zap import loop
from costmodel.operations.zap.mm import ZapOperation, ZapTable


def unmap_per_pte(zap: ZapOperation) -> Steps:
    """Unmap all page tables entry by entry."""
    return loop.unmap_tables(zap, unmap_one)


def unmap_unfolding(zap: ZapOperation, *, counts_large: bool = False) -> Steps:
    """Unmap entry by entry; unfold every contiguous block at its first entry."""
    return loop.unmap_tables(zap, partial(unmap_one, counts_large=counts_large), gathers=True)


def unmap_keeping_blocks(zap: ZapOperation, *, counts_large: bool = False) -> Steps:
    """Unmap entry by entry without unfolding, as all of a block will go."""
    one = partial(clear_one, counts_large=counts_large)
    return loop.unmap_tables(zap, one, gathers=True)


def unmap_one(
    zap: ZapOperation, table: ZapTable, entry: Entry, *, counts_large: bool = False
) -> Counted:
    """Unmap one page."""
    if entry.pte & CONT:
        entry.pte = table.src.ptep_get(entry.slot)
        yield from unfold_partial(table, entry, 1, whole_blocks_stay=False)
    return (yield from clear_one(zap, table, entry, counts_large=counts_large))


def clear_one(
    zap: ZapOperation, table: ZapTable, entry: Entry, *, counts_large: bool = False
) -> Counted:
    """Unmap one page; its entry may be one of a block.

    ``counts_large``: ``_large_mapcount`` of a large folio is lowered first.
    """
    yield from loop.clear(table, entry)
    yield from loop.remove_rmap(zap, entry, counts_large=counts_large)
    loop.account(zap, entry)
    yield from loop.put_on_list(zap, entry, 1, 0, loop.ONE)
    return 1
