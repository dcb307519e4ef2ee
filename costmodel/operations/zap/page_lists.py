"""The page allocator's per-CPU lists: freed pages stay with the CPU until there are too many."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

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
