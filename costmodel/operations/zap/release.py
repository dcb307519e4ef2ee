"""The release of gathered pages, which is the same for every strategy.

The TLB is flushed. Then the references of the entries on the list are dropped, 31 entries at a
time; folios without references leave the LRU and their memory cgroup, and go back to the page
allocator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Final

from costmodel.code.events import Step, Trait
from costmodel.mm.folio import Folio
from costmodel.operations.shared.entry import Steps
from costmodel.operations.zap.gather import CACHED_ORDERS, Gathered
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.rmap import uncount

BATCH_ENTRIES: Final = 31
"""How many list entries the kernel releases at a time (``PAGEVEC_SIZE``)."""


def flush_and_release(zap: ZapOperation) -> Steps:
    """Flush the TLB, uncount delayed mappings, drop references and free (``tlb_flush_mmu()``)."""
    zap.flush()
    for folio, first_page, count, counts_large in zap.take_delayed():
        traits = (
            _traits(folio)
            | Trait.SHARED
            | (Trait.NONE if folio.mapcount[first_page] > 1 else Trait.SOLE)
        )
        first = Step("unmap", 0, folio.first_pfn + first_page, folio.first_pfn, traits)
        yield from uncount(zap, folio, first_page, count, first.at, counts_large=counts_large)
    if zap.released is None:
        yield from release(zap)
    else:
        zap.released.extend(release(zap))


def release(zap: ZapOperation) -> Steps:
    """Drop the references on the list, batch by batch."""
    entries = zap.list.take()
    zap.must_flush = False
    for batch in batches(entries, alone=_freed_alone(zap, entries)):
        yield from release_batch(zap, batch)


def _freed_alone(zap: ZapOperation, entries: Sequence[Gathered]) -> set[Folio]:
    """Return the large folios that this list frees, where its kernel frees each by itself.

    In v6.8 and before ``release_pages()`` calls ``__folio_put_large()`` where a large folio's last
    reference goes (``mm/swap.c``, read in 6.1.192): the folio leaves the LRU, its memory cgroup and
    the allocator's lists by locks of its own. Single pages are collected, and uncharged and freed
    together. A folio that others still map only loses references, which ends no batch.
    """
    if not zap.frees_large_alone:
        return set()
    dropped = Counter[Folio]()
    for folio, count, _ in entries:
        dropped[folio] += count
    return {folio for folio, count in dropped.items() if folio.order and count >= folio.refcount}


def batches(
    entries: Sequence[Gathered], *, alone: Collection[Folio] = ()
) -> Iterator[Sequence[Gathered]]:
    """Yield the list of some tables in batches of about 31 entries, equal ones if possible.

    In the kernel the list goes on from table to table, so no batch is cut short. ``alone``: folios
    whose entries share a batch with no other folio's.
    """
    for _, group in groupby(entries, lambda entry: entry.folio if entry.folio in alone else None):
        yield from _even(list(group))


def _even(entries: Sequence[Gathered]) -> Iterator[Sequence[Gathered]]:
    count = max(1, round(len(entries) / BATCH_ENTRIES))
    even = [n for n in (count, count - 1, count + 1) if n > 0 and not len(entries) % n]
    count = even[0] if even else count
    for number in range(count):
        start, end = (len(entries) * n // count for n in (number, number + 1))
        if start < end:
            yield entries[start:end]


def release_batch(zap: ZapOperation, batch: Sequence[Gathered]) -> Steps:
    """Drop the references of a batch, then free folios without any, in passes over the batch."""
    heads = {folio: _step("take", folio) for folio in dict.fromkeys(e.folio for e in batch)}
    for entry in batch:
        yield heads[entry.folio].at("take", entry.page)
    yield heads[batch[0].folio].at("batch")
    free: list[Folio] = []
    for folio, count, _ in batch:
        step = heads[folio].at("put")
        if zap.drop(folio, count):
            free.append(folio)
            step = step.with_traits(Trait.CLOSES)
        yield step
    for folio in free:
        yield heads[folio].at("uncharge")
    for folio in free:
        for page in range(1, folio.pages):
            yield heads[folio].at("tail", page)
        step = heads[folio].at("prepare")
        yield step if folio.order in CACHED_ORDERS else step.with_traits(Trait.BYPASSES)
    for folio in free:
        if folio.order in CACHED_ORDERS:
            yield heads[folio].at("commit")
            for old in zap.page_lists.add(folio):
                yield _step("buddy", old)


def _step(event: str, folio: Folio) -> Step:
    return Step(event, 0, folio.first_pfn, folio.first_pfn, _traits(folio))


def _traits(folio: Folio) -> int:
    large = Trait.LARGE if folio.order else Trait.NONE
    # The page cache holds what a file backs: nobody's unmapping frees that.
    kept = folio.mapped or not folio.anon
    return int(large | (Trait.NONE if kept else Trait.SOLE))
