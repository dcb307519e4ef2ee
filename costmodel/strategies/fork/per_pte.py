"""``v6.7`` and the first arch-specific versions: one PTE at a time.

The baseline, the batch size decided at run time (always 1 without contiguous blocks) and the
batch size that folds to 1 walk alike; they differ in what the compiler makes of the loop, which is
in their recorded steps.
"""

from __future__ import annotations

from costmodel.kernel.fork import ForkOperation
from costmodel.strategies.fork.loop import (
    COPIED,
    Progress,
    Steps,
    copy_single,
    copy_unusual,
    entry_at,
    is_ordinary,
    new_table,
    read,
)


def copy_per_pte(fork: ForkOperation) -> Steps:
    """Copy entry by entry."""
    for pair in fork.tables():
        yield from new_table(fork, pair)
        progress = Progress()
        for slot in range(pair.first, pair.end):
            yield from read(fork, pair, slot, progress)
            if is_ordinary(fork, pair.src.read(slot)):
                yield from copy_single(fork, pair, entry_at(fork, pair, slot))
                progress.done += COPIED
            else:
                yield from copy_unusual(fork, pair, slot, progress)
