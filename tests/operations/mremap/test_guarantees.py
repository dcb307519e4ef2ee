"""What mremap must keep, each shown to bite by a strategy with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from costmodel.checking.check import check_strategy, standard_layouts
from costmodel.checking.run import Subject
from costmodel.mm.layout import Area, Layout
from costmodel.mm.layouts import pages
from costmodel.mm.pte import DIRTY, PFN_STEP, SOFT_DIRTY, TABLE_PTES, UFFD_WP
from costmodel.mm.violations import Guarantee
from costmodel.operations.mremap import loop
from costmodel.operations.mremap.mm import MovedTable, MremapOperation, moved_entry
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.walk import empty, entry_of
from costmodel.strategies.catalogue import built_in

Store = Callable[[MovedTable, Entry], None]


def right(table: MovedTable, entry: Entry) -> None:
    table.dst.set_ptes(entry.slot, 1, moved_entry(table.vma, entry.pte))


def storing(change: Callable[[MovedTable, int], int]) -> Store:
    def store(table: MovedTable, entry: Entry) -> None:
        table.dst.set_ptes(entry.slot, 1, change(table, moved_entry(table.vma, entry.pte)))

    return store


def strategy(
    store: Store = right, *, empties: bool = True
) -> Callable[[MremapOperation], Iterator[object]]:
    """Return a strategy, entry by entry, with a store of its own."""

    def move(mremap: MremapOperation, table: MovedTable, entry: Entry) -> Counted:
        if empties:
            yield from empty(table, entry)
        store(table, entry)
        yield entry.step("set")
        return 1

    return lambda mremap: loop.move_tables(mremap, move)


def broken_by(function: Callable[[MremapOperation], Iterator[object]]) -> set[Guarantee]:
    subject = Subject("it", function, operation="mremap", flushes=False)
    report = check_strategy(subject, standard_layouts(40, 1), budget=10)
    return {fault.guarantee for fault in report.breaks}


def test_a_plain_loop_keeps_everything() -> None:
    assert broken_by(strategy()) == set()


def test_an_entry_is_emptied_before_it_is_stored_anew() -> None:
    """In between a CPU may mark the old entry dirty, and the new one would not have that."""

    def twice(mremap: MremapOperation, table: MovedTable, entry: Entry) -> Counted:
        right(table, entry)
        yield entry.step("set")
        yield from empty(table, entry)
        return 1

    assert broken_by(lambda mremap: loop.move_tables(mremap, twice)) == {Guarantee.MOVED}


def test_old_addresses_leave_the_tlb_before_their_table_is_unlocked() -> None:
    def forgets(mremap: MremapOperation) -> Steps:
        for table in mremap.tables():
            mremap.flush = _nothing  # type: ignore[method-assign]
            yield from loop.move_entries(mremap, table, _move)

    assert broken_by(forgets) == {Guarantee.STALE_TLB}


def _nothing(table: MovedTable) -> None:
    """Flush nothing."""


def _move(mremap: MremapOperation, table: MovedTable, entry: Entry) -> Counted:
    yield from empty(table, entry)
    yield from loop.arrive(mremap, table, entry)
    return 1


def test_a_flush_behind_all_tables_is_too_late() -> None:
    """Between the lock of one table and the next, the page may be freed and used by others."""

    def late(mremap: MremapOperation) -> Steps:
        flush = mremap.flush
        mremap.flush = _nothing  # type: ignore[method-assign]
        seen = []
        for table in mremap.tables():
            seen.append(table)
            yield from loop.move_entries(mremap, table, _move)
        for table in seen:
            flush(table)

    layout = Layout("it", (Area((pages(2 * TABLE_PTES),)),))
    subject = Subject("it", late, operation="mremap", flushes=False)
    report = check_strategy(subject, [layout])
    assert {fault.guarantee for fault in report.breaks} == {Guarantee.STALE_TLB}


@pytest.mark.parametrize(
    "bad",
    [
        strategy(empties=False),  # there and here
        strategy(lambda _table, _entry: None),  # gone
        strategy(lambda t, e: t.dst.set_ptes(e.slot ^ 1, 1, e.pte)),  # somewhere else
    ],
    ids=["left behind", "lost", "misplaced"],
)
def test_entries_arrive_once(bad: Callable[[MremapOperation], Iterator[object]]) -> None:
    assert Guarantee.MOVED in broken_by(bad)


@pytest.mark.parametrize(
    "change",
    [
        lambda _t, pte: pte & ~DIRTY,
        lambda _t, pte: pte & ~SOFT_DIRTY,
        lambda _t, pte: pte & ~UFFD_WP,
        lambda t, pte: pte if t.vma.keeps_uffd_wp else pte | UFFD_WP,
        lambda _t, pte: pte + PFN_STEP,
    ],
    ids=["dirty", "soft-dirty", "uffd-wp lost", "uffd-wp kept", "frame"],
)
def test_bits_are_kept(change: Callable[[MovedTable, int], int]) -> None:
    assert Guarantee.ENTRY_BITS in broken_by(strategy(storing(change)))


def test_counters_of_folios_do_not_move() -> None:
    def store(table: MovedTable, entry: Entry) -> None:
        right(table, entry)
        if entry.folio is not None:
            entry.folio.refcount += 1

    assert Guarantee.REFCOUNT in broken_by(strategy(store))


def test_whole_tables_move_only_where_no_entry_must_change() -> None:
    def always(mremap: MremapOperation) -> Steps:
        for table in mremap.tables():
            mremap.move_whole(table)
            mremap.flush(table)
            yield entry_of(mremap, table, table.first).step("table")

    assert broken_by(always) >= {Guarantee.ENTRY_BITS}


@pytest.mark.parametrize("name", [s.name for s in built_in("mremap").values()])
def test_built_in_strategies(name: str) -> None:
    known = built_in("mremap")[name]
    subject = Subject(
        name, known.function, operation="mremap", contpte=known.contpte, flushes=False
    )
    report = check_strategy(subject, standard_layouts(60, 2), budget=10)
    assert {fault.guarantee for fault in report.breaks} == set()
