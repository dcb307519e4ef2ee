"""The mmu_gather's list: unmapped pages that wait for the TLB flush before they are released."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from costmodel.mm.folio import Folio

LOCAL_SLOTS: Final = 8
"""Slots inside the mmu_gather itself, on the stack (``MMU_GATHER_BUNDLE``)."""
PAGE_SLOTS: Final = 510
"""Slots in one page of the list (``MAX_GATHER_BATCH``)."""
LIST_PAGES: Final = 10_000 // PAGE_SLOTS
"""Pages that the list may have before a flush is forced (``MAX_GATHER_BATCH_COUNT``)."""
MAX_SLOTS: Final = LOCAL_SLOTS + LIST_PAGES * PAGE_SLOTS
"""Slots before a flush is forced: 9,698."""


class Room(Enum):
    """What adding to the list came to."""

    LEFT = "there is room for more"
    PAGE_ADDED = "the page is full; a new one was allocated"
    PAGE_REUSED = "the page is full; the next was there from an earlier round"
    FULL = "no page may be added: flush and release now"


class Gathered(NamedTuple):
    """An entry of the list: references to drop, for pages from ``page`` of a folio on."""

    folio: Folio
    references: int
    page: int = 0


class GatherList:
    """Encoded pages in lists of 510, in ``entries``.

    ``reserve``: slots that a page must have left to take more; 2 in kernels that put a number of
    pages behind a folio.
    """

    __slots__ = ("_page", "_pages", "_used", "entries", "reserve")

    def __init__(self, *, pages: int = 0) -> None:
        """Start empty; ``pages`` are list pages that an earlier round left behind."""
        self.entries: list[Gathered] = []
        self.reserve = 1
        self._pages = pages
        self._page = 0
        self._used = 0

    @property
    def slots_used(self) -> int:
        """Slots that the entries take, over all pages."""
        return self._used + (LOCAL_SLOTS + (self._page - 1) * PAGE_SLOTS if self._page else 0)

    @property
    def slots_left(self) -> int:
        """Slots in the page that is being filled."""
        return (PAGE_SLOTS if self._page else LOCAL_SLOTS) - self._used

    def add(self, folio: Folio, count: int, slots: int, page: int = 0) -> Room:
        """Queue ``count`` references of a folio in ``slots`` slots: one per page, or two for all.

        They are for its pages from ``page`` on.

        Raises ValueError where the page has no room: it must be kept with ``reserve``.
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
        """Return the entries and start again; the pages are kept until the end of the unmap."""
        entries, self.entries = self.entries, []
        self._page = self._used = 0
        return entries
