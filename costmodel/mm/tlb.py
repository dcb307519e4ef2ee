"""What TLBs may still hold of an address space after its page tables changed.

Every present entry may be cached at any time. So only differences from the tables are kept: entries
that may still be cached as writable, and entries whose old translation (frame and size) has not
been invalidated yet.
"""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.mm.pte import CONT, DIRTY, PFN_SHIFT, PRESENT, WRITE


class TlbView:
    """The stale entries of one address space that a TLB may hold, by virtual page number.

    ``live`` is False for an address space that no CPU has run yet (a child during fork), of which
    nothing can be cached. ``resizes_freely`` stands for FEAT_BBM level 2 without conflict aborts:
    the contiguous bit may change without break-before-make. ``removed`` holds entries taken out of
    the tables, ``writable`` pages that lost the write permission.
    """

    __slots__ = (
        "_in_flight", "_in_flight_writable", "live", "removed", "resizes_freely", "writable",
    )  # fmt: skip

    def __init__(self, *, live: bool = True, resizes_freely: bool = False) -> None:
        """Create a view in which nothing is stale."""
        self.live = live
        self.resizes_freely = resizes_freely
        self.writable: set[int] = set()
        self.removed: dict[int, int] = {}
        self._in_flight: dict[int, int] = {}
        self._in_flight_writable: set[int] = set()

    def weakened(self, vpn: int) -> None:
        """Note that a writable entry lost its write permission in the table."""
        if self.live:
            self.writable.add(vpn)

    def cleared(self, vpn: int, old: int) -> None:
        """Note that the entry ``old`` was taken out of the table."""
        if self.live and old & PRESENT:
            self.removed[vpn] = old
            if old & WRITE:
                self.writable.add(vpn)

    def installed(self, vpn: int, current: int, new: int) -> bool:
        """Note that ``new`` replaces ``current`` in the table.

        Returns False if that violates break-before-make: the frame or the contiguous bit changes
        while a TLB may hold the old translation.
        """
        if not self.live:
            return True
        old = current if current & PRESENT else self._cached(vpn)
        if not (old & PRESENT and new & PRESENT):
            return True
        if old & WRITE and not new & WRITE:
            self.writable.add(vpn)
        moved = old >> PFN_SHIFT != new >> PFN_SHIFT
        if not moved and not (old ^ new) & CONT:
            self.removed.pop(vpn, None)  # what was taken out is there again
        resized = (old ^ new) & CONT and not self.resizes_freely
        return not (moved or resized)

    def _cached(self, vpn: int) -> int:
        """Return the translation that was taken out but whose invalidation is not complete."""
        return self.removed.get(vpn) or self._in_flight.get(vpn, 0)

    def invalidate(self, vpns: Iterable[int]) -> None:
        """Issue the invalidation of some pages; it is complete after :meth:`synchronise`."""
        for vpn in vpns:
            if vpn in self.removed:
                self._in_flight[vpn] = self.removed.pop(vpn)
            if vpn in self.writable:
                self.writable.remove(vpn)
                self._in_flight_writable.add(vpn)

    def invalidate_all(self) -> None:
        """Issue the invalidation of the whole address space."""
        self.invalidate(list(self.removed | dict.fromkeys(self.writable)))

    def synchronise(self) -> None:
        """Complete every invalidation issued so far (the DSB behind the TLBIs)."""
        self._in_flight.clear()
        self._in_flight_writable.clear()

    def may_write(self) -> list[int]:
        """Return the pages that a TLB may still let a CPU write, ascending."""
        return sorted(self.writable | self._in_flight_writable)

    def may_translate(self) -> list[int]:
        """Return the pages that a TLB may translate though their entry is gone, ascending."""
        return sorted(self.removed.keys() | self._in_flight.keys())

    def writable_frames(self) -> set[int]:
        """Return the frames that CPUs may still write through dirty entries that are gone.

        A TLB that holds an entry as dirty lets a CPU write without a look at the table.
        """
        olds = (*self.removed.values(), *self._in_flight.values())
        return {old >> PFN_SHIFT for old in olds if old & WRITE and old & DIRTY}

    def translates_frames(self) -> set[int]:
        """Return the frames that may still be reached through entries that are gone."""
        olds = (*self.removed.values(), *self._in_flight.values())
        return {old >> PFN_SHIFT for old in olds}
