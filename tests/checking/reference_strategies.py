"""Copy loops written against the primitives: correct ones, as examples of use.

They yield plain words instead of micro-ops: the functional model does not look at what is yielded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from costmodel.mm.folio import Folio
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    PFN_SHIFT,
    PFN_STEP,
    PRESENT,
    SOFT_DIRTY,
    WRITE,
    YOUNG,
)
from costmodel.operations.fork.mm import ForkOperation, TablePair

Steps = Iterator[str]


def per_pte(fork: ForkOperation) -> Steps:
    """Copy one entry at a time, as v6.7."""
    for pair in fork.tables():
        for slot in range(pair.first, pair.end):
            pte = pair.src.ptep_get(slot)
            yield "load"
            if pte:
                yield from copy_one(fork, pair, slot, pte)
    fork.final_flush()
    yield "tlbi"


def dup_rmap(fork: ForkOperation, folio: Folio, page: int, count: int = 1) -> bool:
    """Count the mappings of pages and share them; return False where one must be copied at once."""
    if folio.anon and fork.maybe_pinned(folio, page, count):
        return False
    for each in range(page, page + count):
        fork.mapcount_add(folio, each)
        if folio.anon:
            fork.clear_exclusive(folio, each)
    return True


def copy_one(fork: ForkOperation, pair: TablePair, slot: int, pte: int) -> Steps:
    """Copy one entry that is not empty."""
    if not pte & PRESENT:
        fork.copy_nonpresent(pair, slot)
        yield "nonpresent"
        return
    folio = fork.folio_of(pte)
    if folio is not None:
        fork.folio_get(folio)
        yield "get"
        page = folio.page(pte >> PFN_SHIFT)
        if not dup_rmap(fork, folio, page):
            fork.folio_put(folio)
            fork.rss_add(fork.rss_of(folio))
            yield "copy"
            set_child(fork, pair, slot, 1, fork.copy_pinned(pte))
            return
        yield "rmap"
        fork.rss_add(fork.rss_of(folio))
    if pair.vma.is_cow and pte & WRITE:
        yield from write_protect_one(fork, pair, slot, folio)
        pte &= ~WRITE
    set_child(fork, pair, slot, 1, fork.child_pte(pair.vma, pte))
    yield "set"
    if fork.contpte and slot % CONT_PTES == CONT_PTES - 1 and pair.dst.can_fold(slot, folio):
        pair.dst.convert(slot, cont=True)
        yield "fold"


def write_protect_one(
    fork: ForkOperation, pair: TablePair, slot: int, folio: Folio | None
) -> Steps:
    """Write-protect one parent entry, unfolding and folding its block where it must be."""
    if pair.src.read(slot) & CONT:
        pair.src.convert(slot, cont=False)
        yield "unfold"
    pair.src.write_protect(slot)
    yield "cas"
    if fork.contpte and slot % CONT_PTES == CONT_PTES - 1 and pair.src.can_fold(slot, folio):
        pair.src.convert(slot, cont=True)
        yield "fold"


def set_child(fork: ForkOperation, pair: TablePair, slot: int, count: int, pte: int) -> None:
    """Set child entries, with cont bits where the kernel uses them."""
    if fork.contpte:
        pair.dst.set_contpte(slot, count, pte)
    else:
        pair.dst.set_ptes(slot, count, pte)


def batched(fork: ForkOperation) -> Steps:
    """Copy a folio's entries in one go, as v6.12."""
    for pair in fork.tables():
        slot = pair.first
        while slot < pair.end:
            pte = pair.src.ptep_get(slot)
            yield "load"
            folio = fork.folio_of(pte)
            count = 1
            if folio is not None and folio.order:
                count, writable = scan(pair, slot, pte, folio)
                pte |= writable
            if count == 1:
                if pte:
                    yield from copy_one_v612(fork, pair, slot, pte)
            else:
                done = yield from copy_batch(fork, pair, slot, count, pte)
                if not done:
                    yield from copy_one_v612(fork, pair, slot, pte)
                    count = 1
            slot += count
    fork.final_flush()


def scan(pair: TablePair, slot: int, pte: int, folio: Folio, max_nr: int = 512) -> tuple[int, int]:
    """Return how many entries continue ``pte`` within its folio, and whether one is writable."""
    ignored = YOUNG | WRITE | CONT
    ignored |= 0 if pair.vma.is_cow else DIRTY
    ignored |= 0 if pair.vma.tracks_soft_dirty else SOFT_DIRTY
    page = folio.page(pte >> PFN_SHIFT)
    end = min(pair.end, slot + folio.pages - page, slot + max_nr)
    wanted, index, writable = pte & ~ignored, slot, 0
    while index < end:
        found = pair.src.ptep_get(index)
        if found & ~ignored != wanted:
            break
        writable |= found & WRITE
        wanted += PFN_STEP
        index += 1
    return index - slot, writable


def copy_batch(
    fork: ForkOperation, pair: TablePair, slot: int, count: int, pte: int
) -> Generator[str, None, bool]:
    """Copy ``count`` entries of one folio; return False where a page must be copied at once."""
    folio = fork.folio_of(pte)
    assert folio is not None
    page = folio.page(pte >> PFN_SHIFT)
    fork.folio_get(folio, count)
    yield "get"
    if not dup_rmap(fork, folio, page, count):
        fork.folio_put(folio, count)
        return False
    fork.large_mapcount_add(folio, count)
    fork.rss_add(fork.rss_of(folio), count)
    yield "rmap"
    if pair.vma.is_cow and pte & WRITE:
        pair.src.write_protect(slot, count)
        pte &= ~WRITE
        yield "cas"
    set_child(fork, pair, slot, count, fork.child_pte(pair.vma, pte))
    yield "set"
    return True


def copy_one_v612(fork: ForkOperation, pair: TablePair, slot: int, pte: int) -> Steps:
    """Copy one entry in a kernel that keeps ``_large_mapcount``."""
    folio = fork.folio_of(pte)
    before = sum(folio.mapcount) if folio is not None else 0
    yield from copy_one(fork, pair, slot, pte)
    if folio is not None and folio.order and sum(folio.mapcount) > before:
        fork.large_mapcount_add(folio, 1)
