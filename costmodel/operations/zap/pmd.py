"""Unmaps folios that a PMD maps: no strategy's loop sees them."""

from __future__ import annotations

from costmodel.code.events import Step, Trait
from costmodel.mm.address_space import Rss
from costmodel.operations.shared.entry import Steps
from costmodel.operations.shared.pmd import HUGE
from costmodel.operations.zap.mm import ZapOperation


def unmap_pmds(zap: ZapOperation) -> Steps:
    """Empty each PMD (``zap_huge_pmd()``); its folio waits in one slot of the list."""
    for folio in zap.frames:
        sole = folio.mapcount[0] <= 1
        folio.mapcount = [times - 1 for times in folio.mapcount]
        zap.rss_sub(Rss.ANON, folio.pages)
        traits = Trait.LARGE | (Trait.SOLE if sole else Trait.NONE)
        yield Step(HUGE, 0, folio.first_pfn, folio.first_pfn, traits)
        zap.gather(folio, 1, slots=1)
