"""The pieces that every unmap loop is made of.

As for fork, each piece changes the page tables and yields an event for each change. A strategy has
a function that unmaps what starts at one entry; :func:`unmap_tables` is the loop around it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, Final

from costmodel.code.events import Step, Trait
from costmodel.code.uops import Uop
from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.folio import Folio
from costmodel.mm.pte import CONT, DIRTY, PRESENT, YOUNG
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.zap.gather import Room
from costmodel.operations.zap.mm import ZapOperation, ZapTable
from costmodel.operations.zap.release import flush_and_release
from costmodel.operations.zap.rmap import uncount

Unmap = Callable[[ZapOperation, ZapTable, Entry], Counted]
"""A function that unmaps what starts at an entry of an ordinary page, and returns the number of
entries."""

ONE: Final = 1
BATCH: Final = 2
"""Slots of the gather list: for one page, and for a page with a number of pages behind it."""


def unmap_tables(
    zap: ZapOperation, unmap: Unmap, *, gathers: bool = False
) -> Generator[Step | Uop, Any, None]:
    """Unmap table by table; where the gather list is full, flush and release before going on.

    ``gathers``: an entry of a contiguous block is read with the access and dirty bits of all 16.
    """
    for table in zap.tables():
        yield lock(zap, table, table.first)
        slot = table.first
        while slot < table.end:
            entry = entry_at(zap, table, slot)
            if not entry.pte:
                yield from zap.skip(slot)
                slot += 1
                continue
            entry.value = yield entry.step("read")
            if gathers and entry.pte & CONT:
                yield entry.step("gather")
            if entry.folio is None:
                yield from unmap_unusual(zap, table, entry)
                slot += 1
                continue
            slot += yield from unmap(zap, table, entry)
            if zap.must_flush:
                yield from flush_and_release(zap)
                if slot < table.end:
                    yield lock(zap, table, slot)
        if zap.delayed:
            yield from flush_and_release(zap)


def entry_at(zap: ZapOperation, table: ZapTable, slot: int) -> Entry:
    """Return the entry ``slot`` with its folio and traits, without any event."""
    pte = table.src.slots[slot]
    entry = Entry(slot, pte, zap.folio_of(pte))
    folio = entry.folio
    # Unmapping does not ask who may write; neighbours in memory play no part either.
    entry.traits &= Trait.LARGE | Trait.CONT
    if folio is not None and is_sole(folio, folio.page(entry.page)):
        entry.traits |= Trait.SOLE
    if table.vma.kind is VmaKind.SHARED:
        entry.traits |= Trait.SHARED
    return entry


def is_sole(folio: Folio, page: int) -> bool:
    """Tell whether this mapping of a page is its last."""
    return folio.mapcount[page] <= 1


def lock(zap: ZapOperation, table: ZapTable, slot: int) -> Step:
    """Return the event of leaving the table before and locking this one."""
    entry = entry_at(zap, table, slot)
    return Step("lock", slot - 1, entry.page - 1, entry.head, entry.traits)


def unmap_unusual(zap: ZapOperation, table: ZapTable, entry: Entry) -> Steps:
    """Unmap an entry that maps no counted page: empty, a swap or migration entry, a special one."""
    if not entry.pte:
        return
    if entry.pte & PRESENT:
        table.src.clear(entry.slot)
    else:
        zap.clear_nonpresent(table, entry.slot)
    yield entry.step("clear")


def clear(
    table: ZapTable, entry: Entry, count: int = 1, *, collects: bool = True
) -> Iterator[Step]:
    """Empty ``count`` entries by one atomic swap each.

    ``collects``: the access and dirty bits that they had are added to ``entry.pte``.
    """
    for ahead in range(count):
        known = table.src.clear(entry.slot + ahead)
        if collects:
            entry.pte |= known & (DIRTY | YOUNG)
        yield entry.step("clear", ahead)


def remove_rmap(
    zap: ZapOperation,
    entry: Entry,
    count: int = 1,
    first: int = 0,
    *,
    counts_large: bool = False,
) -> Steps:
    """Uncount ``count`` mappings by one atomic each, unless they must wait for the flush.

    The dirty and access bits of the emptied entries are passed on to a folio of a file.
    ``counts_large``: ``_large_mapcount`` is lowered first.
    """
    folio = entry.folio
    assert folio is not None
    page = folio.page(entry.page) + first
    if not folio.anon:
        yield from _pass_bits_on(zap, entry, folio)
    if zap.is_delayed(folio, entry.pte):
        zap.delay_rmap(folio, page, count, counts_large=counts_large)
        return
    steps = partial(_ahead, entry, first)
    yield from uncount(zap, folio, page, count, steps, counts_large=counts_large)


def _ahead(entry: Entry, first: int, event: str, ahead: int) -> Step:
    return entry.step(event, first + ahead)


def _pass_bits_on(zap: ZapOperation, entry: Entry, folio: Folio) -> Iterator[Step]:
    """Pass dirty and access bits on to a file's folio (``folio_mark_dirty()``, ``..._accessed()``).

    What was accessed twice moves to the active list; what is there and was accessed is left alone.
    """
    if entry.pte & DIRTY:
        zap.mark_dirty(folio, entry.pte)
        yield entry.step("dirty")
    if not entry.pte & YOUNG:
        return
    if not folio.referenced:
        zap.set_referenced(folio)
        yield entry.step("accessed")
    elif not folio.active:
        zap.activate(folio)
        yield entry.step("activate")


def account(zap: ZapOperation, entry: Entry, count: int = 1) -> None:
    """Take ``count`` pages off the resident set, which is a counter on the stack in the loop."""
    assert entry.folio is not None
    zap.rss_sub(Rss.ANON if entry.folio.anon else Rss.FILE, count)


def put_on_list(
    zap: ZapOperation, entry: Entry, count: int, ahead: int, slots: int
) -> Iterator[Step]:
    """Put ``count`` references on the gather list; add a new list page where the last is full."""
    assert entry.folio is not None
    page = entry.folio.page(entry.page) + ahead + 1 - count
    room = zap.gather(entry.folio, count, slots=slots, page=page)
    zap.must_flush |= room is Room.FULL
    yield entry.step("slot", ahead)
    if room is Room.PAGE_ADDED:
        yield entry.step("list_page", ahead)
