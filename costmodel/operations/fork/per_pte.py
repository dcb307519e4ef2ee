"""The copy loop of ``v6.7`` and of the first arch-specific versions: one entry at a time.

The baseline, the batch size that is decided at run time (always 1 without contiguous blocks) and
the batch size that the compiler folds to 1 all walk alike. They differ in the instructions that the
compiler makes of the loop, and these are in their recorded steps.
"""

from __future__ import annotations

from costmodel.operations.fork.loop import (
    COPIED,
    Progress,
    copy_single,
    copy_unusual,
    new_table,
    read,
)
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.entry import Steps


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
