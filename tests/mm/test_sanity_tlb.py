"""What TLBs may still hold when an operation has ended is reported once for each access."""

from __future__ import annotations

from costmodel.mm.pte import PRESENT, WRITE, make_pte
from costmodel.mm.sanity_tlb import check_tlb
from costmodel.mm.tlb import TlbView


def test_a_flushed_tlb_is_right() -> None:
    tlb = TlbView()
    assert list(check_tlb(tlb)) == []
    tlb.weakened(3)
    tlb.invalidate_all()
    tlb.synchronise()
    assert list(check_tlb(tlb)) == []


def test_stale_pages_are_counted_from_the_first_to_the_last() -> None:
    tlb = TlbView()
    tlb.weakened(3)
    tlb.weakened(7)
    tlb.cleared(5, make_pte(9, PRESENT | WRITE))
    assert [(str(fault), fault.vpns) for fault in check_tlb(tlb)] == [
        (
            "TLB, first page 3: 3 pages may still be written through a stale TLB entry "
            "after the final flush",
            range(3, 8),
        ),
        (
            "TLB, first page 5: 1 page may still be translated through a stale TLB entry "
            "after the final flush",
            range(5, 6),
        ),
    ]
