"""Batching by folio: scan for consecutive entries of one large folio, then copy them as one.

The postings differ in what ends a scan, in how an entry of a contiguous block is read and in how it
is write-protected. :class:`Batching` holds these choices; the strategies name them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from costmodel.kernel.fork import ForkOperation, TablePair
from costmodel.kernel.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    PFN_STEP,
    PRESENT,
    SOFT_DIRTY,
    WRITE,
    YOUNG,
)
from costmodel.steps.events import Step, Trait
from costmodel.strategies.fork import contpte, loop
from costmodel.strategies.fork.loop import COPIED, Entry, Progress, Steps
from costmodel.uops import Uop

Counted = Generator[Step | Uop, None, int]
"""Yields events and returns how many entries were found or copied."""


@dataclass(frozen=True)
class Batching:
    """What distinguishes the batching copy loops.

    ``whole_entry``: every bit but the frame must match within a batch; else access and write
    bits, and those that the VMA does not care about, may differ. ``looks_past_folio``: the scan reads the
    entry behind the folio before it stops (until the clamp of 6.12). ``stops_on_last``: it stops
    *on* the folio's last page instead of behind it (the off-by-one of 19 December 2023).
    ``counts_large``: ``_large_mapcount`` is kept (from 6.10). ``gathers``: an entry of a contiguous
    block is read with the access and dirty bits of all 16. ``hints``: the scan steps over whole
    blocks. ``protects_blocks``: whole contiguous blocks are write-protected without unfolding.
    """

    whole_entry: bool = False
    looks_past_folio: bool = False
    stops_on_last: bool = False
    counts_large: bool = False
    gathers: bool = False
    hints: bool = False
    protects_blocks: bool = True


def copy_batched(fork: ForkOperation, how: Batching) -> Steps:
    """Copy batch by batch; an order-0 folio takes the single-page path."""
    for pair in fork.tables():
        yield from loop.new_table(fork, pair)
        progress = Progress()
        slot = pair.first
        while slot < pair.end:
            yield from loop.read(fork, pair, slot, progress)
            entry = loop.entry_at(fork, pair, slot)
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
                count = yield from scan(fork, pair, entry, how)
                count = yield from copy_batch(fork, pair, entry, count, how)
                progress.done += COPIED * count
                slot += count


def scan(fork: ForkOperation, pair: TablePair, entry: Entry, how: Batching) -> Counted:
    """Return how many entries from ``entry`` on map consecutive pages of its folio alike."""
    folio = entry.folio
    assert folio is not None
    in_folio = folio.pages - folio.page(entry.page)
    limit = pair.end - entry.slot
    if not how.looks_past_folio:
        limit = min(limit, in_folio)
    slots, mask = pair.src.slots, ~(_ignored(pair, how) | CONT)
    expected = entry.pte & mask
    count = _hint(entry.slot, entry.pte, how)
    while count < limit:
        pte = slots[entry.slot + count]
        alike = pte & mask == expected + count * PFN_STEP
        last = count == in_folio - 1
        past = count >= in_folio and not how.stops_on_last
        stop = not alike or past or (how.stops_on_last and last)
        event = "peek" if stop else "scan"
        yield _seen(entry, event, count, pte)
        if how.gathers and pte & CONT:
            yield contpte.gathered(Entry(entry.slot + count, pte, folio))
        if stop:
            break
        if pte & WRITE:
            entry.traits |= Trait.WRITABLE
        count += _hint(entry.slot + count, pte, how)
    return min(count, limit)


def _ignored(pair: TablePair, how: Batching) -> int:
    """Return the flag bits that may differ within a batch."""
    if how.whole_entry:
        return 0
    dirty = 0 if pair.vma.is_cow else DIRTY
    soft_dirty = 0 if pair.vma.tracks_soft_dirty else SOFT_DIRTY
    return YOUNG | WRITE | dirty | soft_dirty


def _hint(slot: int, pte: int, how: Batching) -> int:
    """Return how many entries from ``slot`` on are known to be alike without reading them."""
    return CONT_PTES - slot % CONT_PTES if how.hints and pte & CONT else 1


def _seen(entry: Entry, event: str, count: int, pte: int) -> Step:
    step = entry.step(event, count)
    follows = pte & PRESENT and pte // PFN_STEP == entry.page + count
    return step if follows else step._replace(traits=step.traits & ~Trait.CONSECUTIVE)


def copy_batch(
    fork: ForkOperation, pair: TablePair, entry: Entry, count: int, how: Batching
) -> Counted:
    """Copy ``count`` entries as one; a batch with a pinned page shrinks to its first page."""
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
    if entry.traits & Trait.WRITABLE and pair.vma.is_cow:
        yield from contpte.unfold_before_protect(fork, pair, entry, count, how.protects_blocks)
        yield from loop.protect(pair, entry, count)
    yield from loop.set_child(fork, pair, entry, count)
    return count
