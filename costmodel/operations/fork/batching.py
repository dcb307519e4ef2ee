"""Copy loops that batch by folio: scan for consecutive entries of a large folio, copy them at once.

The postings differ in what ends a scan, in how an entry of a contiguous block is read and in how it
is write-protected. :class:`Batching` holds these choices, and each strategy is one set of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.mm.pte import CONT
from costmodel.operations.fork import loop
from costmodel.operations.fork.loop import COPIED, Progress
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.shared import contpte
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan, scan


@dataclass(frozen=True)
class Batching(Scan):
    """What distinguishes the batching copy loops: the choices of their scan, and two more.

    ``counts_large``: ``_large_mapcount`` is kept up to date, as from v6.10 on. ``protects_blocks``:
    whole contiguous blocks are write-protected without being unfolded. The other fields are those
    of the scan:

        k.Batching(counts_large=True, limit=16)
    """

    counts_large: bool = False
    protects_blocks: bool = True


def copy_batched(fork: ForkOperation, how: Batching) -> Steps:
    """Copy all page tables batch by batch; pages of order-0 folios are copied one by one."""
    for pair in fork.tables():
        yield from loop.new_table(fork, pair)
        progress = Progress()
        slot = pair.first
        while slot < pair.end:
            entry = yield from loop.read(fork, pair, slot, progress)
            if how.gathers and entry.pte & CONT:
                yield contpte.gathered(entry)
            if entry.folio is None:
                yield from loop.copy_unusual(fork, pair, slot, progress)
                slot += 1
            elif entry.folio.order == 0:
                yield from loop.copy_single(fork, pair, entry)
                progress.done += COPIED
                slot += 1
            else:
                count = yield from scan(pair, entry, how)
                count = yield from copy_batch(fork, pair, entry, count, how)
                progress.done += COPIED * count
                slot += count


def copy_batch(
    fork: ForkOperation, pair: TablePair, entry: Entry, count: int, how: Batching
) -> Counted:
    """Copy ``count`` entries of a folio from ``entry`` on at once, and return how many were copied.

    Where a page of the batch may be pinned, only the first one is copied and 1 is returned. Use
    ``count = yield from copy_batch(...)``. ``entry.folio`` must not be None.
    """
    if loop.is_pinned(fork, entry, count):
        count = 1
        if loop.is_pinned(fork, entry):
            yield from loop.copy_pinned(fork, pair, entry)
            return 1
    yield from loop.get_and_map(fork, entry, count)
    if how.counts_large:
        assert entry.folio is not None
        fork.large_mapcount_add(entry.folio, count)
        yield entry.step("large_map")
    if entry.writable and pair.vma.is_cow:
        if how.protects_blocks:
            yield from contpte.unfold_partial(pair, entry, count, whole_blocks_stay=True)
            yield from loop.protect(pair, entry, count)
        else:
            yield from contpte.protect_one_by_one(pair, entry, count)
    yield from loop.set_child(fork, pair, entry, count)
    return count
