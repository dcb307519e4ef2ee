"""Copies what PMDs map, as ``copy_huge_pmd()`` of 6.12 does."""

from __future__ import annotations

from costmodel.code.events import Step
from costmodel.mm.address_space import Rss
from costmodel.mm.pte import WRITE
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.shared.entry import Entry, Steps


def copy_pmds(fork: ForkOperation) -> Steps:
    """Copy each PMD that maps a folio."""
    for pair in fork.pmds():
        yield from copy_pmd(fork, pair)


def copy_pmd(fork: ForkOperation, pair: TablePair) -> Steps:
    """Copy one PMD: one reference, one mapping and one entry for all pages of its folio.

    A table for the child is allocated nonetheless, to be there when the PMD is split.
    """
    pmd = pair.src.read(0)
    entry = Entry(0, pmd, fork.folio_of(pmd))
    folio = entry.folio
    assert folio is not None
    yield Step("alloc", 0, entry.page, entry.head, entry.traits)
    yield entry.step("read")
    fork.folio_get(folio)
    yield entry.step("get")
    if fork.is_exclusive(folio, 0):
        fork.clear_exclusive(folio, 0)
        yield entry.step("clear_exclusive")
    fork.entire_mapcount_add(folio)
    yield entry.step("map")
    fork.large_mapcount_add(folio, 1)
    yield entry.step("large_map")
    fork.rss_add(Rss.ANON, folio.pages)
    fork.deposit(pair)
    yield entry.step("deposit")
    pair.src.write_protect(0)
    yield entry.step("wrprotect")
    pair.dst.set_ptes(0, 1, fork.child_pte(pair.vma, pmd & ~WRITE))
    yield entry.step("set")
