"""Copy loops with one bug each: at least one for every guarantee, to show that its check bites.

Most take a correct strategy and replace one primitive while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from costmodel.checking.run import Strategy
from costmodel.mm.live_table import LiveTable
from costmodel.mm.pte import CONT, PFN_SHIFT, PFN_STEP, WRITE, YOUNG
from costmodel.mm.violations import Guarantee
from costmodel.operations.fork.mm import ForkOperation, TablePair

from . import reference_strategies as reference
from .reference_strategies import Steps, batched, per_pte


@dataclass(frozen=True)
class Broken:
    """A strategy and the guarantee that it must be found to break."""

    strategy: Strategy
    guarantee: Guarantee
    contpte: bool = False


BROKEN: dict[str, Broken] = {}


def breaks(guarantee: Guarantee, *, contpte: bool = False) -> Callable[[Strategy], Strategy]:
    """Register a broken strategy under its function name."""

    def register(strategy: Strategy) -> Strategy:
        BROKEN[strategy.__name__] = Broken(strategy, guarantee, contpte)
        return strategy

    return register


def nothing(*_arguments: Any, **_keywords: Any) -> None:
    """Stand in for a primitive that was forgotten."""


def without(
    owner: object, name: str, base: Strategy, fork: ForkOperation, put: Any = nothing
) -> Iterator[Any]:
    """Run a correct strategy with one function replaced."""
    with patch.object(owner, name, put):
        yield from base(fork)


@breaks(Guarantee.BATCH)
def off_by_one(fork: ForkOperation) -> Steps:
    """Compare with the folio's last frame instead of the one after it (20 December 2023)."""

    def scan(pair: TablePair, slot: int, pte: int, folio: Any) -> tuple[int, int]:
        stop = folio.first_pfn + folio.pages - 1
        index, wanted = slot, pte
        while index < pair.end and pair.src.ptep_get(index) == wanted:
            index, wanted = index + 1, wanted + PFN_STEP
            if wanted >> PFN_SHIFT == stop:
                break
        return index - slot, pte & WRITE

    return without(reference, "scan", batched, fork, scan)


@breaks(Guarantee.BATCH)
def beyond_the_vma(fork: ForkOperation) -> Steps:
    """Stop at the end of the folio, but not at the end of the mapping."""

    def scan(pair: TablePair, slot: int, pte: int, folio: Any) -> tuple[int, int]:
        return folio.pages - folio.page(pte >> PFN_SHIFT), pte & WRITE

    return without(reference, "scan", batched, fork, scan)


@breaks(Guarantee.PINNED)
def ignores_pinned(fork: ForkOperation) -> Steps:
    """Share pinned pages like any other."""
    return without(fork, "maybe_pinned", batched, fork, lambda *_: False)


@breaks(Guarantee.PINNED)
def leaks_the_copy(fork: ForkOperation) -> Steps:
    """Allocate a page ahead and never give it back."""
    fork.copy_pinned(0)
    return per_pte(fork)


@breaks(Guarantee.MAPCOUNT)
def forgets_file_mapcount(fork: ForkOperation) -> Steps:
    """Count no mapping of file pages."""
    real = reference.dup_rmap

    def dup(fork: ForkOperation, folio: Any, page: int, count: int = 1) -> bool:
        return not folio.anon or real(fork, folio, page, count)

    return without(reference, "dup_rmap", per_pte, fork, dup)


@breaks(Guarantee.MAPCOUNT)
def forgets_large_mapcount_of_single_pages(fork: ForkOperation) -> Steps:
    """Keep the large mapcount for batches only."""
    return without(reference, "copy_one_v612", batched, fork, reference.copy_one)


@breaks(Guarantee.REFCOUNT)
def forgets_refcount(fork: ForkOperation) -> Steps:
    """Take one reference for a whole batch."""
    return without(
        fork,
        "folio_get",
        batched,
        fork,
        lambda folio, count=1: ForkOperation.folio_get(fork, folio),
    )


@breaks(Guarantee.EXCLUSIVE)
def forgets_exclusive(fork: ForkOperation) -> Steps:
    """Count mappings, but leave pages marked as exclusive."""

    return without(fork, "clear_exclusive", per_pte, fork)


@breaks(Guarantee.WRITE_PROTECT)
def forgets_to_write_protect(fork: ForkOperation) -> Steps:
    """Leave the parent's entries writable."""
    return without(LiveTable, "write_protect", batched, fork)


@breaks(Guarantee.WRITE_PROTECT)
def first_decides_write_protect(fork: ForkOperation) -> Steps:
    """Let the first entry of a batch decide for all of them."""
    correct = reference.scan

    def scan(*arguments: Any) -> tuple[int, int]:
        return correct(*arguments)[0], 0

    return without(reference, "scan", batched, fork, scan)


@breaks(Guarantee.CHILD_PTE)
def leaves_the_child_young(fork: ForkOperation) -> Steps:
    """Pass the entry on as it is."""
    return without(fork, "child_pte", per_pte, fork, lambda vma, pte: pte)


@breaks(Guarantee.CHILD_PTE, contpte=True)
def reads_without_gathering(fork: ForkOperation) -> Steps:
    """Miss the dirty bit that sits elsewhere in the contiguous block."""
    return without(LiveTable, "ptep_get", batched, fork, LiveTable.read)


@breaks(Guarantee.CHILD_PTE)
def copies_dontfork(fork: ForkOperation) -> Steps:
    """Copy mappings that fork must leave out."""
    for vma in fork.parent.vmas:
        for pair in fork._tables_of(vma):
            for slot in range(pair.first, pair.end):
                yield "load"
                yield from reference.copy_one(fork, pair, slot, pair.src.ptep_get(slot))
    fork.final_flush()


@breaks(Guarantee.PARENT_PTE)
def ages_the_parent(fork: ForkOperation) -> Steps:
    """Clear the young bit of the parent too."""
    yield from per_pte(fork)
    for pair in fork.tables():
        for slot in range(pair.first, pair.end):
            pair.src.set_nonpresent(slot, pair.src.read(slot) & ~YOUNG)


@breaks(Guarantee.CONT, contpte=True)
def cont_on_partial_blocks(fork: ForkOperation) -> Steps:
    """Pass the contiguous bit on without asking whether the block is whole."""
    return without(LiveTable, "set_contpte", batched, fork, LiveTable.set_ptes)


@breaks(Guarantee.CONT, contpte=True)
def write_protects_half_a_block(fork: ForkOperation) -> Steps:
    """Write-protect an entry of a contiguous block without unfolding or going on."""

    def one(fork: ForkOperation, pair: TablePair, slot: int, folio: Any) -> Steps:
        if not pair.src.read(slot) & CONT or slot % 2:
            pair.src.write_protect(slot)
        yield "cas"

    return without(reference, "write_protect_one", per_pte, fork, one)


@breaks(Guarantee.BREAK_BEFORE_MAKE, contpte=True)
def unfolds_without_tlbi(fork: ForkOperation) -> Steps:
    """Convert a block without its TLBIs."""
    return without(LiveTable, "tlbi", per_pte, fork)


@breaks(Guarantee.BREAK_BEFORE_MAKE, contpte=True)
def unfolds_without_dsb(fork: ForkOperation) -> Steps:
    """Issue the TLBIs but do not wait for them."""
    return without(LiveTable, "dsb", per_pte, fork)


@breaks(Guarantee.BREAK_BEFORE_MAKE, contpte=True)
def unfolds_in_place(fork: ForkOperation) -> Steps:
    """Store the entries of an unfolded block over the contiguous ones."""

    def convert(table: LiveTable, slot: int, *, cont: bool) -> None:
        start = slot & -16
        pte = table.ptep_get(start)
        table.set_ptes(start, 16, pte | CONT if cont else pte & ~CONT)

    return without(LiveTable, "convert", per_pte, fork, convert)


@breaks(Guarantee.STALE_TLB)
def forgets_the_final_flush(fork: ForkOperation) -> Steps:
    """Return without a flush."""
    return without(fork, "final_flush", batched, fork)


@breaks(Guarantee.STALE_TLB)
def flushes_too_little(fork: ForkOperation) -> Steps:
    """Flush each table's range, but leave out its last page."""
    yield from without(fork, "final_flush", batched, fork)
    for pair in fork.tables():
        pair.src.tlbi(pair.first, pair.end - pair.first - 1)
    fork.dsb()


@breaks(Guarantee.STALE_TLB)
def flushes_before_write_protecting(fork: ForkOperation) -> Steps:
    """Issue the TLBI first, wait for it last."""
    fork.tlb.invalidate_all()
    yield from without(fork, "final_flush", per_pte, fork)
    fork.dsb()


@breaks(Guarantee.RSS)
def forgets_rss(fork: ForkOperation) -> Steps:
    """Count a batch as one page."""
    return without(
        fork,
        "rss_add",
        batched,
        fork,
        lambda counter, count=1: ForkOperation.rss_add(fork, counter),
    )


@breaks(Guarantee.SWAP)
def forgets_swap(fork: ForkOperation) -> Steps:
    """Copy swap entries without counting their new user."""
    return without(fork, "swap_duplicate", per_pte, fork)
