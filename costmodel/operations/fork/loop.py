"""The pieces that every copy loop of ``fork()`` is made of.

Each piece changes the page tables and yields an event for each change; behind an event stands the
step that the kernel of the strategy executes for it (see :mod:`costmodel.code.events`). Use the
pieces with ``yield from``.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from costmodel.code.events import Step
from costmodel.code.uops import Target, Uop, rmw
from costmodel.mm.address_space import Rss
from costmodel.mm.pte import CONT, PRESENT, WRITE
from costmodel.mm.struct_page import REFCOUNT, STRUCT_PAGE_BYTES
from costmodel.operations.fork.mm import ForkOperation, TablePair
from costmodel.operations.shared.entry import Entry, Steps

RESCHED_AT: Final = 32
"""The count of ``progress`` at which copy_pte_range() looks whether it must reschedule."""

COPIED: Final = 8
"""What one copied entry adds to ``progress``; an empty entry adds 1."""


class Progress:
    """Counts the work since the last look at need_resched; add to ``done`` what was copied."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        """Begin at 0, as at the beginning of each table."""
        self.done = 0

    def due(self) -> bool:
        """Tell whether it is time to look at need_resched; if so, counting starts again."""
        if self.done < RESCHED_AT:
            return False
        self.done = 0
        return True


def entry_at(fork: ForkOperation, pair: TablePair, slot: int) -> Entry:
    """Return the parent's entry ``slot`` with its folio and traits, without any event."""
    pte = pair.src.slots[slot]
    entry = Entry(slot, pte, fork.folio_of(pte))
    if fork.contpte:
        entry.note_alignment()
    return entry


def new_table(fork: ForkOperation, pair: TablePair) -> Steps:
    """Leave the table before, allocate and clear the child's next one, and take the locks.

    Nothing happens where the child has this table already, from another mapping.
    """
    if pair.allocated:
        first = entry_at(fork, pair, pair.first)
        yield Step("alloc", pair.first - 1, first.page - 1, first.head, first.traits)


def read(
    fork: ForkOperation, pair: TablePair, slot: int, progress: Progress
) -> Generator[Step | Uop, Any, Entry]:
    """Read the parent's entry ``slot`` and return it, after a look at need_resched if it is time.

    The folio of the entry is None where it maps no counted page: for an empty, a swapped, a
    migrating or a special entry; copy it by :func:`copy_unusual`.
    """
    entry = entry_at(fork, pair, slot)
    if not entry.pte:
        yield from fork.skip(slot)
        return entry
    if progress.due():
        yield entry.step("resched", -1)
    entry.value = yield entry.step("read")
    return entry


def copy_unusual(fork: ForkOperation, pair: TablePair, slot: int, progress: Progress) -> Steps:
    """Copy an entry that maps no counted page: empty, a swap or migration entry, a special entry.

    It adds to ``progress`` by itself.
    """
    pte = pair.src.read(slot)
    entry = Entry(slot, pte, None)
    if not pte:
        progress.done += 1
        return
    progress.done += COPIED
    if pte & PRESENT:
        if pte & WRITE and pair.vma.is_cow:
            pair.src.write_protect(slot)
            yield entry.step("wrprotect")
        pair.dst.set_ptes(slot, 1, fork.child_pte(pair.vma, pair.src.read(slot)))
    else:
        fork.copy_nonpresent(pair, slot)
    yield entry.step("set")


def is_pinned(fork: ForkOperation, entry: Entry, count: int = 1) -> bool:
    """Tell whether a page of the batch may be pinned for DMA, so that it must be copied at once.

    The batch has ``count`` entries from ``entry`` on, whose folio must not be None.
    """
    folio = entry.folio
    assert folio is not None
    if not folio.pinned:  # nearly always
        return False
    return folio.anon and fork.maybe_pinned(folio, folio.page(entry.page), count)


def copy_pinned(fork: ForkOperation, pair: TablePair, entry: Entry) -> Steps:
    """Copy a page that may be pinned for DMA: the child gets a page of its own at once."""
    folio = entry.folio
    assert folio is not None
    fork.folio_get(folio)
    yield entry.step("get")
    fork.folio_put(folio)
    yield rmw(Target.PAGE, STRUCT_PAGE_BYTES * entry.head + REFCOUNT, size_bytes=4)
    pair.dst.set_ptes(entry.slot, 1, fork.copy_pinned(entry.pte))
    fork.rss_add(Rss.ANON)
    yield entry.step("set")


def get_and_map(fork: ForkOperation, entry: Entry, count: int = 1) -> Steps:
    """Take ``count`` references by one atomic, then count the mapping of each page by one each.

    Before it is counted, an anonymous page that belongs to this process alone loses its exclusive
    mark. None of the pages may be pinned: ask :func:`is_pinned` first.
    """
    folio = entry.folio
    assert folio is not None
    first_page = folio.page(entry.page)
    fork.folio_get(folio, count)
    yield entry.step("get")
    for ahead in range(count):
        page = first_page + ahead
        if folio.anon and fork.is_exclusive(folio, page):
            fork.clear_exclusive(folio, page)
            yield entry.step("clear_exclusive", ahead)
        fork.mapcount_add(folio, page)
        yield entry.step("map", ahead)
    fork.rss_add(fork.rss_of(folio), count)


def protect(pair: TablePair, entry: Entry, count: int = 1) -> Steps:
    """Write-protect ``count`` of the parent's entries, one atomic each, if copy-on-write needs it.

    It does where an entry of the batch is writable and the mapping is private.
    """
    if not entry.writable or not pair.vma.is_cow:
        return
    for ahead in range(count):
        pair.src.write_protect(entry.slot + ahead)
        yield entry.step("wrprotect", ahead)


def set_child(fork: ForkOperation, pair: TablePair, entry: Entry, count: int = 1) -> Steps:
    """Store ``count`` of the child's entries: as the parent's are now, without the access bit.

    In a shared mapping the dirty bit is left out too. A contpte kernel sets the contiguous bit on
    whole aligned blocks.
    """
    pte = fork.child_pte(pair.vma, pair.src.ptep_get(entry.slot) & ~CONT)
    if fork.contpte:
        pair.dst.set_contpte(entry.slot, count, pte)
    else:
        pair.dst.set_ptes(entry.slot, count, pte)
    for ahead in range(count):
        yield entry.step("set", ahead)


def copy_single(fork: ForkOperation, pair: TablePair, entry: Entry) -> Steps:
    """Copy one entry that maps a counted page; the folio of ``entry`` must not be None."""
    if is_pinned(fork, entry):
        yield from copy_pinned(fork, pair, entry)
        return
    yield from get_and_map(fork, entry)
    yield from protect(pair, entry)
    yield from set_child(fork, pair, entry)
