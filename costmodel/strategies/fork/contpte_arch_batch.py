"""``contpte-arch-batch``: v4 with its arm64 helpers, a whole contiguous block in one go.

The batch is the rest of the block, known from the contiguous bit alone; nothing is scanned and
nothing is unfolded.
"""

from __future__ import annotations

from costmodel.kernel.fork import ForkOperation
from costmodel.kernel.pte import CONT, CONT_PTES
from costmodel.strategies.fork import loop
from costmodel.strategies.fork.batching import Batching, copy_batch
from costmodel.strategies.fork.loop import COPIED, Progress
from costmodel.strategies.shared.contpte import gathered
from costmodel.strategies.shared.entry import Steps

_HOW = Batching()


def copy_block_batched(fork: ForkOperation) -> Steps:
    """Copy the rest of a contiguous block as one, other entries one by one."""
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
