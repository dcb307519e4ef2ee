"""Counts the TLB maintenance of a strategy: converts, TLBIs and barriers per PTE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.code.trace import TableRun
from costmodel.code.uops import Flavour, Kind
from costmodel.explaining.groups import UopGroup, groups_of
from costmodel.mm.pte import CONT_PTES


@dataclass(frozen=True)
class Maintenance:
    """TLB maintenance per PTE, averaged over all page tables.

    ``tlbis`` are those of single pages. ``barriers`` are DSBs of both kinds, without those of
    allocating page tables.
    """

    converts: float
    tlbis: float
    range_tlbis: float
    barriers: float

    @property
    def any(self) -> bool:
        """Whether there are any converts or TLBIs."""
        return bool(self.converts or self.tlbis or self.range_tlbis)


def maintenance_of(runs: Sequence[TableRun]) -> Maintenance:
    """Return the TLB maintenance of page tables, per PTE."""
    ptes = sum(run.count * run.ptes for run in runs)
    swaps = tlbis = ranges = barriers = 0
    for run in runs:
        trace, groups = run.trace, groups_of(run.trace)
        here = (trace.kind == Kind.DSB) & (groups == UopGroup.INVALIDATION)
        ranged = trace.flavour == Flavour.TLBI_RANGE
        swaps += run.count * int(np.count_nonzero(groups == UopGroup.SWAPS))
        tlbis += run.count * int(np.count_nonzero((trace.kind == Kind.TLBI) & ~ranged))
        ranges += run.count * int(np.count_nonzero(ranged))
        barriers += run.count * int(np.count_nonzero(here))
    return Maintenance(
        converts=swaps / CONT_PTES / ptes,
        tlbis=tlbis / ptes,
        range_tlbis=ranges / ptes,
        barriers=barriers / ptes,
    )
