"""arm64 contiguous blocks: 16 aligned entries that a TLB may hold as one.

Changing the contiguous bit of a live block is a *convert*: empty all 16 entries, invalidate them,
write them again (break before make).
"""

from __future__ import annotations

from costmodel.code.events import Step
from costmodel.mm.live_table import LiveTable
from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.shared.entry import Entry, Steps, TablePart


def gathered(entry: Entry) -> Step:
    """Read all 16 entries of the block to collect access and dirty bits (``ptep_get()``)."""
    return entry.step("gather")


def convert(table: LiveTable, side: str, entry: Entry, *, cont: bool) -> Steps:
    """Fold (``cont``) or unfold the block of ``entry``; ``side`` is ``src`` or ``dst``."""
    table.convert(entry.slot, cont=cont)
    ahead = CONT_PTES - 1 - entry.slot % CONT_PTES
    yield entry.step(f"clear_{side}", ahead)
    yield entry.step("flush", ahead)
    yield entry.step(f"restore_{side}", ahead)


def unfold_partial(part: TablePart, entry: Entry, count: int, *, whole_blocks_stay: bool) -> Steps:
    """Unfold the blocks that a batch covers in part, or all of them if none may stay folded."""
    slots, end = part.src.slots, entry.slot + count
    block = entry.slot - entry.slot % CONT_PTES
    while block < end:
        whole = entry.slot <= block and block + CONT_PTES <= end
        inside = max(block, entry.slot)
        if slots[inside] & CONT and not (whole and whole_blocks_stay):
            yield from convert(
                part.src, "src", Entry(inside, slots[inside], entry.folio), cont=False
            )
        block += CONT_PTES


def protect_one_by_one(part: TablePart, entry: Entry, count: int) -> Steps:
    """Write-protect entry by entry; the first one of a contiguous block unfolds it."""
    slots = part.src.slots
    for slot in range(entry.slot, entry.slot + count):
        if slots[slot] & CONT:
            yield from convert(part.src, "src", Entry(slot, slots[slot], entry.folio), cont=False)
        part.src.write_protect(slot)
        yield entry.step("wrprotect", slot - entry.slot)
