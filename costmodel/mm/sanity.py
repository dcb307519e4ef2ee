"""Checks that contiguous bits stand only where they may, and that no TLB holds what is gone."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.address_space import AddressSpace
from costmodel.mm.folio import FrameTable
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    FLAG_MASK,
    PFN_SHIFT,
    PRESENT,
    TABLE_PTES,
    YOUNG,
)
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural, span


def check_cont(owner: str, space: AddressSpace, frames: FrameTable) -> Iterator[Violation]:
    """Yield a violation for every wrong block of 16 entries that has a contiguous bit.

    ``owner`` is the name of the process in messages. All 16 entries must be present, have the bit,
    map consecutive frames of one folio from an aligned one on, and agree in their other bits.
    """
    for number, slots in space.pmds:
        for start in range(0, TABLE_PTES, CONT_PTES):
            block = slots[start : start + CONT_PTES]
            fault = _fault(block, frames)
            if fault:
                vpn = number * TABLE_PTES + start
                where = f"{owner}, pages {span(vpn, CONT_PTES)}"
                yield Violation(Guarantee.CONT, where, fault, range(vpn, vpn + CONT_PTES))


def _fault(block: list[int], frames: FrameTable) -> str:
    """Return what is wrong with the contiguous bits of one aligned block, empty if nothing is."""
    contiguous = sum(1 for pte in block if pte & CONT)
    if not contiguous:
        return ""
    if contiguous < CONT_PTES:
        return f"cont bit on {contiguous} of {CONT_PTES} entries of a block"
    if any(not pte & PRESENT for pte in block):
        return "cont bit on an entry that is not present"
    first = block[0] >> PFN_SHIFT
    if first % CONT_PTES or [pte >> PFN_SHIFT for pte in block] != [
        *range(first, first + CONT_PTES)
    ]:
        return "cont bit on frames that are not 16 consecutive ones from an aligned one"
    if len({pte & FLAG_MASK & ~(DIRTY | YOUNG) for pte in block}) > 1:
        return "cont bit on entries with unequal attributes"
    if frames.find(first) is not frames.find(first + CONT_PTES - 1):
        return "cont bit on a block that is not within one folio"
    return ""


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
