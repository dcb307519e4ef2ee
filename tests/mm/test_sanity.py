"""Where a contiguous bit may be, what a TLB may hold, and what is said where they may not."""

from __future__ import annotations

import pytest

from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.pte import CONT, DIRTY, MIGRATION, PFN_STEP, PRESENT, WRITE, YOUNG, make_pte
from costmodel.mm.sanity import check_cont, check_tlb
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee

FIRST_VPN = 1024 + 32
FLAGS = PRESENT | WRITE | CONT


def block(first_pfn: int = 512, flags: int = FLAGS) -> list[int]:
    return [make_pte(first_pfn + page, flags) for page in range(16)]


def faults(entries: list[int], *orders: int) -> list[str]:
    """Check entries that begin with a block, over folios of such orders from frame 512 on."""
    space, frames = AddressSpace([Vma(1024, 1536)]), FrameTable()
    frames.add(Folio(orders[0], 512))
    for order in orders[1:]:
        frames.allocate(order)
    for vpn, pte in enumerate(entries, FIRST_VPN):
        space.put(vpn, pte)
    found = list(check_cont("child", space, frames))
    for fault in found:
        assert fault.guarantee is Guarantee.CONT
        assert (fault.where, fault.vpns) == ("child, pages 1056-1071", range(1056, 1072))
    return [fault.what for fault in found]


def test_whole_blocks_of_one_folio_are_right() -> None:
    assert faults(block(), 4) == []
    assert faults([*block(), *block(528)], 5) == []
    marked = block()
    marked[3] |= DIRTY
    marked[9] |= YOUNG
    assert faults(marked, 4) == [], "each entry has its own dirty and access bits"
    assert faults(block(flags=PRESENT), 2, 2, 3) == [], "without the bit anything goes"


@pytest.mark.parametrize("with_bit", [1, 15])
def test_all_sixteen_have_it_or_none(with_bit: int) -> None:
    entries = block()[:with_bit] + block(flags=PRESENT | WRITE)[with_bit:]
    assert faults(entries, 4) == [f"cont bit on {with_bit} of 16 entries of a block"]


def test_all_are_present() -> None:
    entries = block()
    entries[15] = make_pte(527, MIGRATION | CONT)
    assert faults(entries, 4) == ["cont bit on an entry that is not present"]


@pytest.mark.parametrize("first_pfn", [513, 520, 504])
def test_frames_are_consecutive_from_an_aligned_one(first_pfn: int) -> None:
    text = "cont bit on frames that are not 16 consecutive ones from an aligned one"
    assert faults(block(first_pfn), 6) == [text]
    for frames in (1, -1):
        entries = block()
        entries[7] += frames * PFN_STEP
        assert faults(entries, 6) == [text]


def test_other_bits_agree() -> None:
    entries = block()
    entries[0] &= ~WRITE
    assert faults(entries, 4) == ["cont bit on entries with unequal attributes"]


@pytest.mark.parametrize("orders", [(3, 3), (2, 2, 3), (0, *[0] * 15)])
def test_one_folio_holds_all(orders: tuple[int, ...]) -> None:
    assert faults(block(), *orders) == ["cont bit on a block that is not within one folio"]


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
