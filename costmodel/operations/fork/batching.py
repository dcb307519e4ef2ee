"""Copy loops that batch by folio, from Ryan Roberts' v3 of December 2023 to v7.2.

They scan for consecutive entries of a large folio and copy them at once. The postings differ in
what ends a scan, in how an entry of a contiguous block is read and in how it is write-protected.
:class:`Batching` holds these choices, and each strategy is one set of them. ``contpte-arch-batch``
alone does not scan: its batch is the rest of a contiguous block, which the contiguous bit tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.mm.pte import CONT, CONT_PTES
from costmodel.operations.fork import loop
from costmodel.operations.fork.loop import COPIED, Progress
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.shared import contpte
from costmodel.operations.shared.contpte import gathered
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


_PROTOTYPE = Batching(whole_entry=True, looks_past_folio=True)
_V6_9 = Batching(looks_past_folio=True)


def scan_v3(fork: ForkOperation) -> Steps:
    """Copy as Ryan Roberts' v3: scan up to the folio's end, then per-page loops."""
    return copy_batched(fork, Batching())


def prototype(fork: ForkOperation) -> Steps:
    """Copy as David Hildenbrand's prototype of 20 December 2023: all bits but the frame match."""
    return copy_batched(fork, _PROTOTYPE)


def off_by_one(fork: ForkOperation) -> Steps:
    """Copy as the prototype a day earlier, which is broken.

    Its scan stops on the folio's last page, not behind it, so the next scan begins at that page and
    runs on into the next folio.
    """
    return copy_batched(fork, Batching(whole_entry=True, looks_past_folio=True, stops_on_last=True))


def v6_9(fork: ForkOperation) -> Steps:
    """Copy as merged in v6.9: the scan reads one entry behind the folio."""
    return copy_batched(fork, _V6_9)


def v6_12(fork: ForkOperation) -> Steps:
    """Copy as v6.12: the scan is clamped to the folio, ``_large_mapcount`` is kept."""
    return copy_batched(fork, Batching(counts_large=True))


def v7_2(fork: ForkOperation) -> Steps:
    """Copy as v7.2: a large folio keeps who maps it, behind a lock around its mapcount.

    Under that lock plain stores change ``_large_mapcount``. They are part of the recorded steps
    around them, so ``counts_large``, which stands for an atomic, is not set.
    """
    return copy_batched(fork, Batching())


def contpte_basic_v5(fork: ForkOperation) -> Steps:
    """Copy contiguous blocks without batch helpers: gather on each read, unfold to protect."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, protects_blocks=False))


def contpte_no_hint(fork: ForkOperation) -> Steps:
    """Write-protect in batches, but ``ptep_get()`` on every entry: 16 x 16 reads per block."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True))


def contpte_noyoungdirty(fork: ForkOperation) -> Steps:
    """Copy with ``ptep_get_noyoungdirty()``: each entry is read once, no block is gathered."""
    return copy_batched(fork, Batching(looks_past_folio=True))


def contpte_v6_9(fork: ForkOperation) -> Steps:
    """Copy as v6.9 with contiguous blocks: ``pte_batch_hint()`` steps over whole blocks."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, hints=True))


def contpte_v6_12(fork: ForkOperation) -> Steps:
    """Copy as v6.12 with contiguous blocks."""
    return copy_batched(fork, Batching(counts_large=True, gathers=True, hints=True))


def contpte_v7_2(fork: ForkOperation) -> Steps:
    """Copy as v7.2 with contiguous blocks."""
    return copy_batched(fork, Batching(gathers=True, hints=True))
