"""arm64 contiguous blocks: 16 aligned entries that a TLB may hold as one.

To change the contiguous bit of a block in use is a *convert*: all 16 entries are emptied, their
translations are invalidated, and they are written again (break-before-make).
"""

from __future__ import annotations

from costmodel.code.events import Step, Trait
from costmodel.mm.live_table import LiveTable
from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.shared.entry import Entry, Steps, TablePart


def gathered(entry: Entry) -> Step:
    """Return the event of reading all 16 entries of a block for their access and dirty bits.

    ``ptep_get()`` does that on an entry of a contiguous block. Yield the event yourself.
    """
    return entry.step("gather")


def convert(table: LiveTable, side: str, entry: Entry, *, cont: bool) -> Steps:
    """Fold (``cont=True``) or unfold the contiguous block that ``entry`` belongs to.

    ``side`` says which table of the operation ``table`` is, ``src`` or ``dst``: the events have its
    name.
    """
    table.convert(entry.slot, cont=cont)
    ahead = CONT_PTES - 1 - entry.slot % CONT_PTES
    yield entry.step(f"clear_{side}", ahead)
    yield entry.step("flush", ahead)
    yield entry.step(f"restore_{side}", ahead)


def unfold_partial(part: TablePart, entry: Entry, count: int, *, whole_blocks_stay: bool) -> Steps:
    """Unfold the contiguous blocks that a batch of ``count`` entries covers only in part.

    With ``whole_blocks_stay=False`` those that it covers as a whole are unfolded too.
    """
    slots, end = part.src.slots, entry.slot + count
    block = entry.slot - entry.slot % CONT_PTES
    while block < end:
        whole = entry.slot <= block and block + CONT_PTES <= end
        inside = max(block, entry.slot)
        if slots[inside] & CONT and not (whole and whole_blocks_stay):
            first = Entry(inside, slots[inside], entry.folio)
            first.traits |= entry.traits & Trait.SHARED
            yield from convert(part.src, "src", first, cont=False)
        block += CONT_PTES


def protect_one_by_one(part: TablePart, entry: Entry, count: int) -> Steps:
    """Write-protect ``count`` entries one by one; the first one of a contiguous block unfolds it.

    A block that was unfolded stays so.
    """
    slots = part.src.slots
    for slot in range(entry.slot, entry.slot + count):
        if slots[slot] & CONT:
            yield from convert(part.src, "src", Entry(slot, slots[slot], entry.folio), cont=False)
        part.src.write_protect(slot)
        yield entry.step("wrprotect", slot - entry.slot)
