"""What a TLB may still hold, and what removes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from costmodel.mm.pte import CONT, DIRTY, PRESENT, WRITE, make_pte
from costmodel.mm.tlb import TlbView

OLD = make_pte(16, PRESENT | WRITE | CONT)
UNFOLDED = OLD & ~CONT


def test_an_entry_that_lost_its_write_bit_stays_until_tlbi_and_dsb() -> None:
    tlb = TlbView()
    tlb.weakened(3)
    tlb.invalidate([3, 4])
    assert tlb.may_write() == [3]
    tlb.synchronise()
    assert tlb.may_write() == []


def test_a_tlbi_does_not_cover_what_changes_after_it() -> None:
    tlb = TlbView()
    tlb.invalidate_all()
    tlb.weakened(3)
    tlb.synchronise()

    assert tlb.may_write() == [3]


def test_break_before_make() -> None:
    tlb = TlbView()
    tlb.cleared(3, OLD)
    assert not tlb.installed(3, 0, UNFOLDED), "no TLBI"
    tlb.invalidate([3])
    assert not tlb.installed(3, 0, UNFOLDED), "no DSB"
    tlb.synchronise()
    assert tlb.installed(3, 0, UNFOLDED)


def test_a_valid_entry_may_change_permission_but_not_frame_or_size() -> None:
    tlb = TlbView()

    assert tlb.installed(3, OLD, OLD & ~WRITE)
    assert tlb.may_write() == [3]
    assert not tlb.installed(3, OLD, make_pte(17, PRESENT | CONT))
    assert not tlb.installed(3, OLD, UNFOLDED)
    assert TlbView(resizes_freely=True).installed(3, OLD, UNFOLDED)
    assert tlb.installed(4, 0, OLD), "nothing was there"
    assert tlb.installed(4, OLD, 0), "nothing is there now"


def test_nothing_of_a_child_that_never_ran_is_cached() -> None:
    tlb = TlbView(live=False)
    tlb.weakened(3)
    tlb.cleared(3, OLD)

    assert tlb.installed(3, 0, UNFOLDED)
    assert (tlb.may_write(), tlb.may_translate()) == ([], [])


def test_cleared_entries_still_translate_until_invalidated() -> None:
    tlb = TlbView()
    tlb.cleared(3, OLD & ~WRITE)
    tlb.cleared(4, 0)

    assert (tlb.may_translate(), tlb.may_write()) == ([3], [])
    assert tlb.translates_frames() == {16}


def test_a_cpu_writes_through_entries_that_it_holds_as_dirty_only() -> None:
    """Others make it look at the table, which has no entry any more."""
    tlb = TlbView()
    tlb.cleared(1, make_pte(21, PRESENT | WRITE | DIRTY))
    tlb.cleared(2, make_pte(22, PRESENT | WRITE))
    tlb.cleared(3, make_pte(23, PRESENT | DIRTY))
    for _ in range(2):  # on its way, an invalidation has removed nothing yet
        assert tlb.writable_frames() == {21}
        assert tlb.translates_frames() == {21, 22, 23}
        assert (tlb.may_write(), tlb.may_translate()) == ([1, 2], [1, 2, 3])
        tlb.invalidate([1, 2, 3])
    tlb.synchronise()
    assert tlb.writable_frames() == tlb.translates_frames() == set()


def test_an_entry_that_is_put_back_was_never_gone() -> None:
    tlb = TlbView()
    tlb.cleared(3, OLD)
    assert tlb.installed(3, 0, OLD)
    assert tlb.may_translate() == []


@given(
    weak=st.sets(st.integers(0, 40)),
    gone=st.sets(st.integers(0, 40)),
    ranges=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))),
)
def test_exactly_the_invalidated_pages_are_clean(
    weak: set[int], gone: set[int], ranges: list[tuple[int, int]]
) -> None:
    tlb = TlbView()
    for vpn in weak:
        tlb.weakened(vpn)
    for vpn in gone:
        tlb.cleared(vpn, OLD & ~WRITE)
    for start, count in ranges:
        tlb.invalidate(range(start, start + count))
    tlb.synchronise()

    covered = {vpn for start, count in ranges for vpn in range(start, start + count)}
    assert tlb.may_write() == sorted(weak - covered)
    assert tlb.may_translate() == sorted(gone - covered)
    tlb.invalidate_all()
    tlb.synchronise()
    assert tlb.may_write() == tlb.may_translate() == []
