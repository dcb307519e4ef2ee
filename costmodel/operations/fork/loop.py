"""What every copy loop of ``fork()`` is made of.

Each piece changes the page tables and yields the event that the change is; the recorded kernel
step of the strategy's program stands behind the event (see :mod:`costmodel.code.events`).
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
"""``progress`` at which copy_pte_range() looks whether it must reschedule."""

COPIED: Final = 8
"""``progress`` of one copied PTE; an empty one counts 1."""


class Progress:
    """Counts work towards the next look at need_resched."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        """Start a table."""
        self.done = 0

    def due(self) -> bool:
        """Tell whether it is time to look; counting starts again if so."""
        if self.done < RESCHED_AT:
            return False
        self.done = 0
        return True


def entry_at(fork: ForkOperation, pair: TablePair, slot: int) -> Entry:
    """Return entry ``slot`` of the parent with the folio behind it."""
    pte = pair.src.slots[slot]
    return Entry(slot, pte, fork.folio_of(pte))


def new_table(fork: ForkOperation, pair: TablePair) -> Steps:
    """Leave the table before, allocate and clear the child's next one, take the locks."""
    if pair.allocated:
        first = entry_at(fork, pair, pair.first)
        yield Step("alloc", pair.first - 1, first.page - 1, first.head, first.traits)


def read(
    fork: ForkOperation, pair: TablePair, slot: int, progress: Progress
) -> Generator[Step | Uop, Any, Entry]:
    """Look at need_resched when due, then read the next source entry and return it.

    Its folio is None where it maps no counted page: an empty, swapped or special entry.
    """
    entry = entry_at(fork, pair, slot)
    if progress.due():
        yield entry.step("resched", -1)
    entry.value = yield entry.step("read")
    return entry


def copy_unusual(fork: ForkOperation, pair: TablePair, slot: int, progress: Progress) -> Steps:
    """Copy what is no ordinary page: nothing, a swap or migration entry, a special entry."""
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
    """Tell whether some page of the batch must be copied now because it may be pinned."""
    folio = entry.folio
    assert folio is not None
    if not folio.pinned:  # nearly always
        return False
    return folio.anon and fork.maybe_pinned(folio, folio.page(entry.page), count)


def copy_pinned(fork: ForkOperation, pair: TablePair, entry: Entry) -> Steps:
    """Copy a page that may be pinned: the child gets its own, at once."""
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
    """Take ``count`` references (one atomic), then count the mapping of each page.

    Pages that belong to this process alone lose their exclusive mark first. The caller has made
    sure that no page is pinned.
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
    """Write-protect the parent's entries where copy-on-write needs it (one atomic each)."""
    if not entry.writable or not pair.vma.is_cow:
        return
    for ahead in range(count):
        pair.src.write_protect(entry.slot + ahead)
        yield entry.step("wrprotect", ahead)


def set_child(fork: ForkOperation, pair: TablePair, entry: Entry, count: int = 1) -> Steps:
    """Store the child's entries: as the parent's are now, old, clean if shared."""
    pte = fork.child_pte(pair.vma, pair.src.ptep_get(entry.slot) & ~CONT)
    if fork.contpte:
        pair.dst.set_contpte(entry.slot, count, pte)
    else:
        pair.dst.set_ptes(entry.slot, count, pte)
    for ahead in range(count):
        yield entry.step("set", ahead)


def copy_single(fork: ForkOperation, pair: TablePair, entry: Entry) -> Steps:
    """Copy one ordinary page."""
    if is_pinned(fork, entry):
        yield from copy_pinned(fork, pair, entry)
        return
    yield from get_and_map(fork, entry)
    yield from protect(pair, entry)
    yield from set_child(fork, pair, entry)
