"""The mmu_gather's list: unmapped pages that wait for the TLB flush before they are released.

The page allocator's per-CPU lists then keep freed pages until there are too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

from costmodel.mm.folio import Folio

LARGEST_SMALL_ORDER: Final = 3
"""The largest order that counts as small (``PAGE_ALLOC_COSTLY_ORDER``)."""
CACHED_ORDERS: Final = (*range(LARGEST_SMALL_ORDER + 1), 9)
"""The orders that are kept: small ones and huge pages. Others go to the zone's buddy lists."""
BATCH_PAGES: Final = 64
"""How many pages go on to the zone's buddy lists at once (``pcp->batch`` is 63 on large
machines)."""


class PageLists:
    """Freed folios in order, the oldest first.

    Lists that were empty at the beginning keep everything, because their limit is thousands of
    pages.
    """

    def __init__(self, older: Iterable[Folio] = ()) -> None:
        """Begin with the folios of earlier frees; the lists are full if there are any."""
        self._kept = deque(folio for folio in older if folio.order in CACHED_ORDERS)
        self._pages = sum(folio.pages for folio in self._kept)
        self._high = self._pages

    def add(self, folio: Folio) -> list[Folio]:
        """Keep a folio; return the oldest ones, which must go to the buddy lists for it, if any."""
        if not self._high:
            return []
        self._kept.append(folio)
        self._pages += folio.pages
        leaving: list[Folio] = []
        if self._pages >= self._high + BATCH_PAGES:
            left = self._pages - BATCH_PAGES
            while self._pages > left and self._kept:
                leaving.append(self._kept.popleft())
                self._pages -= leaving[-1].pages
        return leaving


LOCAL_SLOTS: Final = 8
"""The number of slots in the mmu_gather itself, on the stack (``MMU_GATHER_BUNDLE``)."""
PAGE_SLOTS: Final = 510
"""The number of slots in one page of the list (``MAX_GATHER_BATCH``)."""
LIST_PAGES: Final = 10_000 // PAGE_SLOTS
"""The most pages of the list before a flush is forced (``MAX_GATHER_BATCH_COUNT``)."""
MAX_SLOTS: Final = LOCAL_SLOTS + LIST_PAGES * PAGE_SLOTS
"""The most slots before a flush is forced: 9,698."""


class Room(Enum):
    """How full the list is after something was added."""

    LEFT = "there is room for more"
    PAGE_ADDED = "the page is full; a new one was allocated"
    PAGE_REUSED = "the page is full; the next was there from an earlier round"
    FULL = "no page may be added: flush and release now"


class Gathered(NamedTuple):
    """An entry of the list: ``references`` to drop, for the pages of a folio from ``page`` on."""

    folio: Folio
    references: int
    page: int = 0


class GatherList:
    """The list: ``entries``, in pages of 510 slots.

    ``reserve`` is how many free slots a page must have to take more: 2 in kernels that put a number
    of pages behind a folio.
    """

    __slots__ = ("_page", "_pages", "_used", "entries", "reserve")

    def __init__(self, *, pages: int = 0) -> None:
        """Begin empty; ``pages`` is how many list pages an earlier round left behind."""
        self.entries: list[Gathered] = []
        self.reserve = 1
        self._pages = pages
        self._page = 0
        self._used = 0

    @property
    def slots_used(self) -> int:
        """The number of slots that the entries take, in all pages."""
        return self._used + (LOCAL_SLOTS + (self._page - 1) * PAGE_SLOTS if self._page else 0)

    @property
    def slots_left(self) -> int:
        """The number of free slots in the page that is being filled."""
        return (PAGE_SLOTS if self._page else LOCAL_SLOTS) - self._used

    def add(self, folio: Folio, count: int, slots: int, page: int = 0) -> Room:
        """Add ``count`` references of a folio, for its pages from ``page`` on.

        They take ``slots`` slots: one per page, or two for all. Raises ValueError where the list
        page has not so many slots left, which ``reserve`` prevents.
        """
        left = self.slots_left - slots
        if left < 0:
            raise ValueError(f"'slots' must be at most {self.slots_left} (got {slots})")
        self.entries.append(Gathered(folio, count, page))
        self._used += slots
        if left >= self.reserve:
            return Room.LEFT
        if self._page == LIST_PAGES:
            return Room.FULL
        self._page, self._used = self._page + 1, 0
        if self._page <= self._pages:
            return Room.PAGE_REUSED
        self._pages = self._page
        return Room.PAGE_ADDED

    def take(self) -> list[Gathered]:
        """Return the entries and empty the list; its pages are kept until the end of the unmap."""
        entries, self.entries = self.entries, []
        self._page = self._used = 0
        return entries
