"""Checks that no TLB may hold a translation that the page tables no longer have."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural


def check_tlb(tlb: TlbView) -> Iterator[Violation]:
    """Yield a violation for pages that TLBs may still write or translate after the final flush."""
    stale = (("written", tlb.may_write()), ("translated", tlb.may_translate()))
    for access, vpns in stale:
        if vpns:
            where = f"TLB, first page {vpns[0]}"
            what = (
                f"{plural(len(vpns), 'page')} may still be {access} through a stale TLB entry "
                "after the final flush"
            )
            yield Violation(Guarantee.STALE_TLB, where, what, range(vpns[0], vpns[-1] + 1))
