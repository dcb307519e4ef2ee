"""``contpte-arch-batch``: v4's ``clear_ptes()`` empties the rest of a contiguous block at once.

Nothing is unfolded for that, but the mappings are still uncounted, and the pages put on the gather
list, one by one. Slots of the list are reserved first: a block that reaches the end of a list page
is split there, and unfolds.
"""

from __future__ import annotations

from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.zap import loop
from costmodel.operations.zap.mm import ZapOperation, ZapTable


def unmap_block_batched(zap: ZapOperation) -> Steps:
    """Unmap the rest of a contiguous block at once, and other entries one by one."""
    return loop.unmap_tables(zap, unmap_block, gathers=True)


def unmap_block(zap: ZapOperation, table: ZapTable, entry: Entry) -> Counted:
    """Unmap as much of a block as lies in the table and has slots in the list page."""
    count = 1
    if entry.pte & CONT:
        rest = CONT_PTES - entry.slot % CONT_PTES
        count = min(rest, table.end - entry.slot, zap.list.slots_left)
        entry.pte = table.src.ptep_get(entry.slot)
        yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from loop.clear(table, entry, count)
    loop.account(zap, entry, count)
    for ahead in range(count):
        yield from loop.remove_rmap(zap, entry, 1, ahead)
        yield from loop.put_on_list(zap, entry, 1, ahead, loop.ONE)
    return count
