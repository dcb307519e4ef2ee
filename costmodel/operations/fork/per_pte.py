"""Copy loops that go entry by entry: ``v6.7`` and later ones, and ``contpte-per-pte``.

The baseline, the batch size that is decided at run time (always 1 without contiguous blocks) and
the batch size that the compiler folds to 1 all walk alike. They differ in the instructions that the
compiler makes of the loop, and these are in their recorded steps.

With contiguous blocks, the first write-protect in a block unfolds it, the last one folds it again,
and the last entry of the child's block folds that block: three converts, which are 48 TLBIs and 6
DSBs per block without range invalidation.
"""

from __future__ import annotations

from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.fork import loop
from costmodel.operations.fork.loop import (
    COPIED,
    Progress,
    copy_single,
    copy_unusual,
    new_table,
    read,
)
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.shared.contpte import convert, gathered
from costmodel.operations.shared.entry import Entry, Steps


def copy_per_pte(fork: ForkOperation) -> Steps:
    """Copy all page tables entry by entry."""
    for pair in fork.tables():
        yield from new_table(fork, pair)
        progress = Progress()
        for slot in range(pair.first, pair.end):
            entry = yield from read(fork, pair, slot, progress)
            if entry.folio is None:
                yield from copy_unusual(fork, pair, slot, progress)
            else:
                yield from copy_single(fork, pair, entry)
                progress.done += COPIED


def copy_unbatched(fork: ForkOperation) -> Steps:
    """Copy entry by entry; each entry of a contiguous block is gathered twice."""
    for pair in fork.tables():
        yield from loop.new_table(fork, pair)
        progress = Progress()
        for slot in range(pair.first, pair.end):
            entry = yield from loop.read(fork, pair, slot, progress)
            if entry.pte & CONT:
                yield gathered(entry)
                yield gathered(entry)
            if entry.folio is None:
                yield from loop.copy_unusual(fork, pair, slot, progress)
                continue
            yield from copy_entry(fork, pair, entry)
            progress.done += COPIED


def copy_entry(fork: ForkOperation, pair: TablePair, entry: Entry) -> Steps:
    """Copy one page; unfold and fold the parent's block, and fold the child's."""
    if loop.is_pinned(fork, entry):
        yield from loop.copy_pinned(fork, pair, entry)
        return
    yield from loop.get_and_map(fork, entry)
    last = entry.slot % CONT_PTES == CONT_PTES - 1
    if entry.writable and pair.vma.is_cow:
        if entry.pte & CONT:
            yield from convert(pair.src, "src", entry, cont=False)
        yield from loop.protect(pair, entry)
        if last and pair.src.can_fold(entry.slot, entry.folio):
            yield from convert(pair.src, "src", entry, cont=True)
    pte = fork.child_pte(pair.vma, pair.src.slots[entry.slot] & ~CONT)
    pair.dst.set_ptes(entry.slot, 1, pte)
    yield entry.step("set")
    if last and pair.dst.can_fold(entry.slot, entry.folio):
        yield from convert(pair.dst, "dst", entry, cont=True)
