"""Folios with their counters, and the frame table that finds the folio of a frame."""

from __future__ import annotations

from collections.abc import Iterator


class Folio:
    """``1 << order`` consecutive frames with one reference count.

    * ``first_pfn`` is the first frame number, ``pages`` the number of frames.
    * ``mapcount`` counts, for each page, the page-table entries that map it (0: unmapped; the
      kernel stores one less), ``entire_mapcount`` the PMDs that map it as a whole.
      ``large_mapcount`` is the sum of both, which kernels from v6.10 on keep.
    * ``exclusive`` says for each page whether it belongs to one process alone (anon-exclusive).
    * ``anon``: an anonymous folio, else one of a file. ``dirty``, ``referenced`` (accessed once
      lately) and ``active`` (accessed again: reclaim tries others first) are those of a file's
      folio.
    * ``pinned``: the folio may be pinned for DMA.
    * ``freed`` counts how often the folio was given back; more than once is a fault.
    """

    __slots__ = (
        "active",
        "anon",
        "dirty",
        "entire_mapcount",
        "exclusive",
        "first_pfn",
        "freed",
        "large_mapcount",
        "mapcount",
        "order",
        "pages",
        "pinned",
        "refcount",
        "referenced",
    )

    def __init__(
        self,
        order: int,
        first_pfn: int,
        *,
        anon: bool = True,
        pinned: bool = False,
        mapped: int = 0,
        exclusive: bool = False,
    ) -> None:
        """Create a folio whose pages are each ``mapped`` so often, with a reference for each.

        Raises ValueError where ``first_pfn`` is not a multiple of the folio's size.
        """
        if first_pfn & ((1 << order) - 1):
            raise ValueError(f"an order-{order} folio must be aligned (got first_pfn {first_pfn})")
        self.order = order
        self.first_pfn = first_pfn
        self.pages = 1 << order
        self.mapcount = [mapped] * self.pages
        self.refcount = self.large_mapcount = mapped * self.pages
        self.entire_mapcount = 0
        self.anon = anon
        self.exclusive = [exclusive] * self.pages
        self.pinned = pinned
        self.dirty = self.referenced = self.active = False
        self.freed = 0

    @property
    def mapped(self) -> bool:
        """Whether any page of the folio is mapped."""
        # Unmapping ascends: the last page knows most often.
        return bool(self.mapcount[-1] or self.entire_mapcount) or any(self.mapcount)

    def page(self, pfn: int) -> int:
        """Return the index in this folio of the page at ``pfn``."""
        return pfn - self.first_pfn

    def map_page(self, page: int, times: int = 1) -> None:
        """Count ``times`` more mappings of ``page`` and a reference for each, to set a state up."""
        self.mapcount[page] += times
        self.large_mapcount += times
        self.refcount += times

    def map_whole(self, times: int = 1) -> None:
        """Count ``times`` more mappings by PMDs and a reference for each, to set a state up."""
        self.entire_mapcount += times
        self.large_mapcount += times
        self.refcount += times

    def copy(self) -> Folio:
        """Return an independent copy of the state."""
        twin = Folio(self.order, self.first_pfn, anon=self.anon, pinned=self.pinned)
        twin.refcount = self.refcount
        twin.mapcount = self.mapcount.copy()
        twin.large_mapcount = self.large_mapcount
        twin.entire_mapcount = self.entire_mapcount
        twin.exclusive = self.exclusive.copy()
        twin.dirty, twin.referenced, twin.active = self.dirty, self.referenced, self.active
        twin.freed = self.freed
        return twin

    def __str__(self) -> str:
        """Return the folio's name in messages: ``order-4 folio (frames 512-527)``."""
        last = self.first_pfn + self.pages - 1
        frames = f"frame {last}" if self.order == 0 else f"frames {self.first_pfn}-{last}"
        return f"order-{self.order} folio ({frames})"


class FrameTable:
    """All folios, and which folio each frame belongs to.

    ``swap_count`` counts the uses of swap entries by offset.
    """

    __slots__ = ("_by_pfn", "_next_pfn", "folios", "swap_count")

    def __init__(self) -> None:
        """Create a table without folios."""
        self.folios: list[Folio] = []
        self.swap_count: dict[int, int] = {}
        self._by_pfn: dict[int, Folio] = {}
        self._next_pfn = 0

    def add(self, folio: Folio) -> Folio:
        """Register ``folio`` for all its frames and return it.

        Raises ValueError where one of the frames belongs to another folio.
        """
        by_pfn = self._by_pfn
        frames = range(folio.first_pfn, folio.first_pfn + folio.pages)
        for frame in frames:
            if frame in by_pfn:
                raise ValueError(f"frame {frame} already belongs to {by_pfn[frame]}")
        for frame in frames:
            by_pfn[frame] = folio
        self.folios.append(folio)
        self._next_pfn = max(self._next_pfn, frames.stop)
        return folio

    def find(self, pfn: int) -> Folio | None:
        """Return the folio of a frame; None where there is none."""
        return self._by_pfn.get(pfn)

    def allocate(self, order: int = 0, *, anon: bool = True, skip: int = 0) -> Folio:
        """Add a folio behind the last frame in use and return it.

        At least ``skip`` frames are left out, and more until its first frame is aligned.
        """
        align = (1 << order) - 1
        return self.add(Folio(order, (self._next_pfn + skip + align) & ~align, anon=anon))

    def copy(self) -> FrameTable:
        """Return an independent copy of the state."""
        twin = FrameTable()
        for folio in self.folios:
            twin.add(folio.copy())
        twin.swap_count = self.swap_count.copy()
        return twin

    def __iter__(self) -> Iterator[Folio]:
        """Iterate over the folios in the order in which they were added."""
        return iter(self.folios)
