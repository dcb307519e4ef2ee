"""The primitives on one table, with the block conversions of arm64."""

from __future__ import annotations

import pytest

from costmodel.mm.address_space import empty_table
from costmodel.mm.folio import Folio
from costmodel.mm.live_table import LiveTable, shared_entry
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    EXCLUSIVE,
    MIGRATION,
    PRESENT,
    SWAP,
    TABLE_PTES,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee

RW = PRESENT | WRITE


def live(first: int = 0, end: int = TABLE_PTES, *, tlb: TlbView | None = None) -> LiveTable:
    return LiveTable(empty_table(), 1024, (first, end), tlb or TlbView(), [])


def mapped(table: LiveTable, first: int, count: int, flags: int) -> LiveTable:
    """Map ``count`` frames from 512 + first on."""
    for slot in range(first, first + count):
        table.slots[slot] = make_pte(512 + slot, flags)
    return table


def test_write_protection_leaves_stale_entries_where_something_was_writable() -> None:
    table = mapped(live(), 0, 2, RW)
    table.slots[1] = make_pte(513, PRESENT)

    table.write_protect(0, 2)

    assert table.slots[:2] == [make_pte(512, PRESENT), make_pte(513, PRESENT)]
    assert table.tlb.may_write() == [1024]


def test_one_entry_is_write_protected_unless_more_are_asked_for() -> None:
    table = mapped(live(), 0, 2, RW)
    table.write_protect(0)
    assert table.slots[:2] == [make_pte(512, PRESENT), make_pte(513, RW)]


def test_write_protection_of_a_table_that_nobody_uses_leaves_nothing() -> None:
    table = mapped(live(tlb=TlbView(live=False)), 0, 1, RW)
    table.write_protect(0)
    assert table.tlb.may_write() == []


def test_a_batch_sets_consecutive_frames() -> None:
    table = live()

    table.set_ptes(4, 3, make_pte(100, RW))

    assert table.slots[3:8] == [0, *(make_pte(100 + index, RW) for index in range(3)), 0]
    assert table.batches == [(1028, 3)]


@pytest.mark.parametrize(
    ("slot", "count", "kept", "border"),
    [(9, 3, [10, 11], "VMA"), (19, 2, [19], "VMA"), (19, 600, [19], "table"), (30, 1, [], "VMA")],
)
def test_a_batch_that_leaves_its_part_is_reported_and_cut(
    slot: int, count: int, kept: list[int], border: str
) -> None:
    table = live(10, 20)

    table.set_ptes(slot, count, make_pte(100 + slot, RW))

    assert [index for index, pte in enumerate(table.slots) if pte] == kept
    assert [table.slots[index] for index in kept] == [make_pte(100 + index, RW) for index in kept]
    [fault] = table.faults
    assert fault.guarantee is Guarantee.BATCH
    assert f"beyond its {border}" in str(fault)


def test_clearing_returns_the_first_entry_with_dirty_of_all() -> None:
    table = mapped(live(0, 8), 0, 4, RW)
    table.slots[2] |= DIRTY

    assert table.clear(0, 4) == make_pte(512, RW | DIRTY)
    assert table.tlb.may_translate() == [1024, 1025, 1026, 1027]
    assert table.clear(9) == 0


def test_unfolding_gathers_dirty_and_breaks_before_it_makes() -> None:
    table = mapped(live(), 16, 16, RW | CONT)
    table.slots[20] |= DIRTY
    assert table.ptep_get(25) == make_pte(512 + 25, RW | CONT | DIRTY)

    table.convert(25, cont=False)

    assert table.slots[16:32] == [make_pte(512 + slot, RW | DIRTY) for slot in range(16, 32)]
    assert table.faults == []
    assert table.tlb.may_translate() == []


def test_storing_over_a_contiguous_block_is_torn() -> None:
    table = mapped(live(), 16, 16, RW | CONT)

    table.set_ptes(16, 16, make_pte(528, RW))

    [fault] = table.faults
    assert fault.guarantee is Guarantee.BREAK_BEFORE_MAKE
    assert fault.vpns == range(1040, 1056)


def test_cont_bits_go_on_whole_aligned_blocks_only() -> None:
    table = live(tlb=TlbView(live=False))

    table.set_contpte(14, 20, make_pte(512 + 14, RW))

    assert [slot for slot in range(64) if table.slots[slot] & CONT] == [*range(16, 32)]
    assert [pte >> 16 for pte in table.slots[14:34]] == [*range(526, 546)]
    assert table.batches == [(1024 + 14, 20)], "one batch, whatever blocks it is stored in"
    table.set_contpte(64, 16, make_pte(513, RW))
    assert not table.slots[64] & CONT, "frames are not aligned"


def test_the_fold_precheck() -> None:
    folio = Folio(5, 512)
    table = mapped(live(), 0, 32, RW)
    table.slots[7] |= DIRTY
    assert table.can_fold(15, folio)
    assert not table.can_fold(15, None)
    assert not table.can_fold(15, Folio(3, 512)), "not one folio"
    table.slots[9] &= ~WRITE
    assert not table.can_fold(15, folio), "unequal attributes"
    table.slots[16] = 0
    assert not table.can_fold(31, folio), "first entry empty"
    table.convert(0, cont=True)
    assert not table.can_fold(0, folio), "folded already"


def test_the_fold_precheck_refuses_entries_that_are_not_present() -> None:
    table = live()
    table.slots[0] = make_pte(512, MIGRATION)
    assert not table.can_fold(0, Folio(4, 512))


@pytest.mark.parametrize(
    ("order", "first_pfn", "frame", "folds"),
    [
        (4, 512, 512, True),
        (5, 512, 512, True),
        (5, 512, 528, True),
        (5, 512, 520, False),
        (5, 512, 544, False),
        (5, 544, 528, False),
        (6, 512, 513, False),
        (3, 512, 512, False),
    ],
)
def test_a_block_folds_where_sixteen_aligned_frames_of_one_folio_lie(
    order: int, first_pfn: int, frame: int, folds: bool
) -> None:
    table = live()
    for page in range(16):
        table.slots[32 + page] = make_pte(frame + page, RW)
    folio = Folio(order, first_pfn)
    assert {table.can_fold(slot, folio) for slot in (32, 40, 47)} == {folds}
    table.slots[47] += 1 << 16
    assert not table.can_fold(32, folio), "frames are not consecutive"


def test_each_fault_says_where_it_is() -> None:
    table = mapped(live(10, 20), 10, 10, RW)
    table.write_protect(19, 2)
    table.clear(9)
    table.set_ptes(500, 13, make_pte(100, RW))
    assert [(str(fault), fault.vpns) for fault in table.faults] == [
        (
            "slot 19 (page 1043): batch of 2 PTEs write-protected beyond its VMA, "
            "which ends at slot 20 of this table",
            range(1043, 1045),
        ),
        (
            "slot 9 (page 1033): batch of 1 PTE cleared beyond its VMA, "
            "which ends at slot 20 of this table",
            range(1033, 1034),
        ),
        (
            "slot 500 (page 1524): batch of 13 PTEs set beyond its table, "
            "which ends at slot 20 of this table",
            range(1524, 1537),
        ),
    ]
    assert table.slots[18] & WRITE
    assert not table.slots[19] & WRITE


def test_entries_that_were_torn_are_counted_and_named() -> None:
    table = mapped(live(), 4, 3, RW)
    table.set_ptes(5, 3, make_pte(900, RW))
    [fault] = table.faults
    assert fault.vpns == range(1029, 1031), "nothing was there behind them"
    assert str(fault).startswith("slots 5-6 (pages 1029-1030): 2 PTEs replaced while a TLB may")


def test_what_was_set_at_once_is_remembered_as_far_as_it_is_inside() -> None:
    table = live(10, 20)
    for slot, count in ((12, 1), (8, 4), (18, 5), (12, 2), (30, 2)):
        table.set_ptes(slot, count, make_pte(100, RW))
    assert table.batches == [(1034, 2), (1042, 2), (1036, 2), (1054, 0)]


def test_cleared_entries_gather_young_and_dirty_and_nothing_else() -> None:
    table = mapped(live(), 0, 3, PRESENT)
    table.slots[1] |= YOUNG | WRITE
    table.slots[2] |= DIRTY
    assert table.clear(0, 3) == make_pte(512, PRESENT | YOUNG | DIRTY)
    assert table.slots[:3] == [0, 0, 0]
    mapped(table, 4, 2, RW)
    assert table.clear(4) == make_pte(516, RW)
    assert table.slots[5], "one entry unless more are asked for"


def test_an_invalidation_covers_its_entries_only() -> None:
    table = mapped(live(), 0, 8, RW)
    table.write_protect(0, 8)
    table.tlbi(2, 3)
    assert table.tlb.may_write() == [*range(1024, 1032)]
    table.dsb()
    assert table.tlb.may_write() == [1024, 1025, 1029, 1030, 1031]


def test_folding_keeps_what_the_entries_map() -> None:
    table = mapped(live(), 16, 16, RW)
    table.slots[31] |= DIRTY
    table.convert(20, cont=True)
    assert table.slots[16:32] == [make_pte(512 + slot, RW | CONT | DIRTY) for slot in range(16, 32)]
    assert (table.slots[15], table.slots[32]) == (0, 0)


def test_no_contiguous_bit_on_entries_that_are_not_present() -> None:
    table = live()
    table.set_contpte(0, 16, make_pte(512, MIGRATION))
    table.set_contpte(32, 16, make_pte(512, RW | CONT))
    table.set_contpte(48, 15, make_pte(528, RW | CONT))
    assert [slot for slot in range(64) if table.slots[slot] & CONT] == [*range(32, 48)]


def test_entries_that_are_not_present() -> None:
    table = live(0, 4)
    table.set_nonpresent(1, make_pte(9, SWAP))
    table.set_nonpresent(4, make_pte(9, SWAP))

    assert table.read(1) == make_pte(9, SWAP)
    assert table.slots[4] == 0
    assert [fault.guarantee for fault in table.faults] == [Guarantee.BATCH]
    assert shared_entry(make_pte(9, SWAP | EXCLUSIVE)) == make_pte(9, SWAP)
    assert shared_entry(make_pte(9, MIGRATION | WRITE)) == make_pte(9, MIGRATION)
    assert shared_entry(0) == 0
