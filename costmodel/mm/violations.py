"""What the kernel guarantees, and how a broken guarantee is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Guarantee(Enum):
    """A promise of the kernel that an operation must keep."""

    CHILD_PTE = "child PTEs equal the parent's"
    PARENT_PTE = "parent PTEs keep what they map"
    WRITE_PROTECT = "copy-on-write needs both sides write-protected"
    REFCOUNT = "refcounts are exact"
    MAPCOUNT = "mapcounts are exact"
    EXCLUSIVE = "anon-exclusive is cleared on shared pages"
    PINNED = "pinned pages are copied at once"
    BATCH = "no batch beyond its folio, VMA or table"
    CONT = "cont bits only on whole aligned blocks"
    BREAK_BEFORE_MAKE = "break before make"
    STALE_TLB = "no stale TLB entry after the final flush"
    RSS = "rss counters are exact"
    SWAP = "swap entries are duplicated"
    FREED = "pages are freed exactly once, after their TLB entries are gone"
    DIRTY = "dirty bits of file folios are not lost"
    PROTECTION = "the protection is what was asked for"
    ENTRY_BITS = "entries keep their page, and dirty, young, soft-dirty and uffd-wp bits"
    MOVED = "moved entries arrive, once, and nowhere else"
    COMPLETES = "the strategy completes"


class DirtyRule(Enum):
    """Which dirty bit the child gets in a private mapping, by the strategy's kernel."""

    EXACT = "each entry keeps its own"
    ANY_OF_BATCH = "a batch is dirty if one of its entries is"
    IGNORED = "the kernel may drop it: the parent still knows"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken guarantee: which, where and what happened.

    ``vpns`` are the virtual page numbers concerned (to mark them in a drawing), ``pfns`` the frames
    where only those are known; both empty where the fault has no place.
    """

    guarantee: Guarantee
    where: str
    what: str
    vpns: range = range(0)
    pfns: range = range(0)

    def __str__(self) -> str:
        """Return ``where: what``, one line."""
        return f"{self.where}: {self.what}" if self.where else self.what


def plural(count: int, noun: str) -> str:
    """Return ``1 PTE`` or ``3 PTEs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def span(first: int, count: int) -> str:
    """Return ``5`` or ``5-8``: ``count`` numbers from ``first``."""
    return str(first) if count == 1 else f"{first}-{first + count - 1}"
