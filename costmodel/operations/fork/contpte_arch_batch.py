"""``contpte-arch-batch``: v4 with its arm64 helpers, which copy a whole contiguous block at once.

The batch is the rest of the block, which the contiguous bit alone tells; nothing is scanned and
nothing is unfolded.
"""

from __future__ import annotations

from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.fork import loop
from costmodel.operations.fork.batching import Batching, copy_batch
from costmodel.operations.fork.loop import COPIED, Progress
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.contpte import gathered
from costmodel.operations.shared.entry import Steps

_HOW = Batching()


def copy_block_batched(fork: ForkOperation) -> Steps:
    """Copy the rest of a contiguous block at once, and other entries one by one."""
    for pair in fork.tables():
        yield from loop.new_table(fork, pair)
        progress = Progress()
        slot = pair.first
        while slot < pair.end:
            entry = yield from loop.read(fork, pair, slot, progress)
            count = 1
            if entry.pte & CONT:
                yield gathered(entry)
                count = min(CONT_PTES - slot % CONT_PTES, pair.end - slot)
            if entry.folio is None:
                yield from loop.copy_unusual(fork, pair, slot, progress)
            else:
                count = yield from copy_batch(fork, pair, entry, count, _HOW)
                progress.done += COPIED * count
            slot += count
