"""Page-table entries are ints: bits below, frame above."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from costmodel.mm import pte as p


@given(number=st.integers(0, 1 << 36), flags=st.integers(0, p.FLAG_MASK))
def test_an_entry_keeps_number_and_flags(number: int, flags: int) -> None:
    entry = p.make_pte(number, flags)

    assert (entry >> p.PFN_SHIFT, entry & p.FLAG_MASK) == (number, flags)
    assert entry + 3 * p.PFN_STEP == p.make_pte(number + 3, flags)


def test_flags_are_distinct_bits_below_the_frame() -> None:
    bits = [p.PRESENT, p.WRITE, p.DIRTY, p.YOUNG, p.SOFT_DIRTY, p.UFFD_WP, p.SPECIAL, p.CONT,
            p.SWAP, p.MIGRATION, p.EXCLUSIVE]  # fmt: skip

    assert sum(bits) == (1 << len(bits)) - 1 < p.PFN_STEP


def test_gather_sees_dirty_and_young_of_the_whole_contiguous_block() -> None:
    slots = [p.make_pte(16 + page, p.PRESENT | p.CONT) for page in range(32)]
    slots[3] |= p.DIRTY
    slots[20] |= p.YOUNG

    assert p.gathered_pte(slots, 0) == slots[0] | p.DIRTY
    assert p.gathered_pte(slots, 31) == slots[31] | p.YOUNG
    slots[0] &= ~p.CONT
    assert p.gathered_pte(slots, 0) == slots[0]
