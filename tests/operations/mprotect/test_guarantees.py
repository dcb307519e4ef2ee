"""What mprotect must keep, each shown to bite by a strategy with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from costmodel.checking.check import check_strategy, standard_layouts
from costmodel.checking.run import Subject
from costmodel.mm.address_space import VmaKind
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import pages, private
from costmodel.mm.pte import DIRTY, PRESENT, UFFD_WP, WRITE
from costmodel.mm.violations import Guarantee
from costmodel.operations.mprotect import loop
from costmodel.operations.mprotect.mm import MprotectOperation, ProtectedTable, as_registered
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import empty, entry_of
from costmodel.strategies.catalogue import built_in

Change = Callable[[MprotectOperation, ProtectedTable, int], int]
"""Stores an entry in place of the right one; returns it."""


def right(mprotect: MprotectOperation, table: ProtectedTable, pte: int) -> int:
    writable = mprotect.may_write(table.vma, pte, mprotect.folio_of(pte))
    pte = as_registered(table.vma, pte)
    return pte | WRITE if writable else pte & ~WRITE


def strategy(store: Change, *, flushes: bool = True) -> Callable[[MprotectOperation], Steps]:
    """Return a strategy, entry by entry, that stores what ``store`` says."""

    def change(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Counted:
        yield from empty(table, entry)
        table.src.set_ptes(entry.slot, 1, store(mprotect, table, entry.pte))
        if flushes:
            mprotect.flush_later(table.src, entry.slot)
        yield entry.step("commit")
        return 1

    return lambda mprotect: loop.change_tables(mprotect, change)


def broken_by(function: Callable[[MprotectOperation], Iterator[object]]) -> set[Guarantee]:
    subject = Subject("it", function, operation="mprotect", flushes=False)
    report = check_strategy(subject, standard_layouts(40, 1), budget=10)
    return {fault.guarantee for fault in report.breaks}


def test_a_plain_loop_keeps_everything() -> None:
    assert broken_by(strategy(right)) == set()


def test_rights_that_are_taken_away_leave_the_tlb() -> None:
    assert broken_by(strategy(right, flushes=False)) == {Guarantee.STALE_TLB}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _m, _t, pte: pte,  # nothing changes
        lambda _m, t, pte: pte | WRITE if t.vma.writable else pte & ~WRITE,  # without a look
        lambda _m, _t, pte: pte & ~WRITE,  # only one way
    ],
    ids=["unchanged", "shared pages written", "left read-only"],
)
def test_protection_changes_as_asked(wrong: Change) -> None:
    assert Guarantee.PROTECTION in broken_by(strategy(wrong))


def test_a_present_entry_is_emptied_before_it_is_stored_again() -> None:
    """A CPU may mark it dirty between the read and the store: that bit would be lost."""

    def change(mprotect: MprotectOperation, table: ProtectedTable, entry: Entry) -> Counted:
        writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
        yield from loop.commit(mprotect, table, entry, writable=writable)
        return 1

    assert broken_by(lambda m: loop.change_tables(m, change)) == {Guarantee.ENTRY_BITS}


@pytest.mark.parametrize("bit", [DIRTY, UFFD_WP, 1 << 16], ids=["dirty", "uffd-wp", "frame"])
def test_bits_are_kept(bit: int) -> None:
    def lose(mprotect: MprotectOperation, table: ProtectedTable, pte: int) -> int:
        return right(mprotect, table, pte) & ~bit

    assert Guarantee.ENTRY_BITS in broken_by(strategy(lose))


@pytest.mark.parametrize("protects", [True, False], ids=["protects", "resolves"])
def test_userfaultfd_asks_for_its_bit(protects: bool) -> None:
    """A strategy that knows rights alone leaves the bit as it was, on pages and on swap entries."""

    def forget(mprotect: MprotectOperation, table: ProtectedTable, pte: int) -> int:
        return right(mprotect, table, pte) & ~UFFD_WP | pte & UFFD_WP

    def said(store: Change) -> set[Guarantee]:
        subject = Subject("it", strategy(store), operation="mprotect", flushes=False)
        pieces = pages(1, uffd_wp=not protects), Piece(Content.SWAP, 1, uffd_wp=not protects)
        layout = Layout("it", (private(*pieces),)).write_protecting(protects=protects)
        report = check_strategy(subject, [layout])
        return {fault.guarantee for fault in report.breaks}

    assert said(right) == set()
    assert said(forget) == {Guarantee.ENTRY_BITS}


def test_a_page_that_userfaultfd_protects_leaves_the_tlb_as_writable() -> None:
    layout = Layout("it", (private(pages(1)),)).write_protecting(protects=True)
    subject = Subject("it", strategy(right, flushes=False), operation="mprotect", flushes=False)
    report = check_strategy(subject, [layout])
    assert {fault.guarantee for fault in report.breaks} == {Guarantee.STALE_TLB}


def test_a_page_on_its_way_is_not_writable_when_it_arrives() -> None:
    layout = Layout("it", (private(Piece(Content.MIGRATION, 1), pages(1)),))
    memory_breaks = check_strategy(
        Subject("it", _only_present, operation="mprotect", flushes=False), [layout]
    )
    assert {fault.guarantee for fault in memory_breaks.breaks} == {Guarantee.PROTECTION}


def _only_present(mprotect: MprotectOperation) -> Steps:
    for table in mprotect.tables():
        for slot in range(table.first, table.end):
            entry = entry_of(mprotect, table, slot)
            if entry.pte & PRESENT:
                yield from empty(table, entry)
                writable = mprotect.may_write(table.vma, entry.pte, entry.folio)
                yield from loop.commit(mprotect, table, entry, writable=writable)


@pytest.mark.parametrize("name", [s.name for s in built_in("mprotect").values()])
def test_built_in_strategies(name: str) -> None:
    known = built_in("mprotect")[name]
    subject = Subject(
        name, known.function, operation="mprotect", contpte=known.contpte, flushes=False
    )
    report = check_strategy(subject, standard_layouts(60, 2), budget=10)
    want = {Guarantee.BREAK_BEFORE_MAKE} if known.broken else set()
    assert {fault.guarantee for fault in report.breaks} == want


def test_where_the_contiguous_bit_may_change_freely_blocks_are_stored_whole() -> None:
    known = built_in("mprotect")["contpte-folio-batch-v6.17"]
    subject = Subject(
        known.name, known.function, "mprotect", contpte=True, flushes=False, resizes_freely=True
    )
    assert check_strategy(subject, standard_layouts(20, 3)).passed


def test_shared_memory_becomes_writable_whoever_maps_the_pages() -> None:
    layout = Layout("it", (Area((pages(2, writable=False, exclusive=False),), VmaKind.SHARED),))
    known = built_in("mprotect")["v6.12"]
    subject = Subject("it", known.function, operation="mprotect", flushes=False)
    assert check_strategy(subject, [layout]).passed
