"""Unmaps what PMDs map, as ``zap_huge_pmd()`` of 6.12 does."""

from __future__ import annotations

from costmodel.code.events import Trait
from costmodel.mm.address_space import Rss
from costmodel.operations.shared.entry import Entry, Steps
from costmodel.operations.zap.mm import ZapOperation, ZapTable


def unmap_pmds(zap: ZapOperation) -> Steps:
    """Empty each PMD that maps a folio."""
    for table in zap.pmds():
        yield from unmap_pmd(zap, table)


def unmap_pmd(zap: ZapOperation, table: ZapTable) -> Steps:
    """Empty one PMD; its folio waits in one slot of the list, and the table beside it goes."""
    pmd = table.src.clear(0)
    entry = Entry(0, pmd, zap.folio_of(pmd))
    folio = entry.folio
    assert folio is not None
    entry.traits |= Trait.SOLE if folio.entire_mapcount <= 1 else Trait.NONE
    yield entry.step("clear")
    zap.large_mapcount_add(folio, -1)
    yield entry.step("large_unmap")
    zap.entire_mapcount_add(folio, -1)
    yield entry.step("unmap")
    zap.withdraw(table)
    yield entry.step("withdraw")
    zap.rss_sub(Rss.ANON, folio.pages)
    zap.gather(folio, 1, slots=1)
    yield entry.step("slot")
