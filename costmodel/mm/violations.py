"""The guarantees of the kernel, and the reports of broken ones, page by page or in runs."""

from __future__ import annotations

from collections.abc import Iterator
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
    ACCESSED = "access bits of file folios are not lost"
    PROTECTION = "the protection is what was asked for"
    ENTRY_BITS = "entries keep their page, and dirty, young, soft-dirty and uffd-wp bits"
    DEPOSIT = "a page table waits beside each PMD that maps a folio"
    MOVED = "moved entries arrive, once, and nowhere else"


class DirtyRule(Enum):
    """Which dirty bits a strategy's kernel gives the child's entries in a private mapping."""

    EXACT = "each entry keeps its own"
    ANY_OF_BATCH = "a batch is dirty if one of its entries is"
    IGNORED = "the kernel may drop it: the parent still knows"


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken guarantee: which one, where, and what happened.

    ``vpns`` are the virtual page numbers concerned, to be marked in a drawing; ``pfns`` are the
    frames, where only those are known. Both are empty for a fault without a place.
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
    """Return a number with its noun.

    >>> plural(1, "PTE"), plural(3, "PTE")
    ('1 PTE', '3 PTEs')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def span(first: int, count: int) -> str:
    """Return ``count`` numbers from ``first`` on as a text.

    >>> span(5, 1), span(5, 4)
    ('5', '5-8')
    """
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


class Findings:
    """Faults of single pages, to be reported in runs.

    Neighbouring pages with the same guarantee, owner and text become one violation, with the detail
    of the first page.
    """

    def __init__(self) -> None:
        """Create an empty collection."""
        self._found: dict[tuple[Guarantee, str, str], list[tuple[int, str]]] = {}

    def add(self, guarantee: Guarantee, owner: str, vpn: int, text: str, detail: str = "") -> None:
        """Note that ``owner`` (``parent`` or ``child``) breaks ``guarantee`` at page ``vpn``."""
        self._found.setdefault((guarantee, owner, text), []).append((vpn, detail))

    def violations(self) -> Iterator[Violation]:
        """Yield one violation per run, in the order in which their kinds were first found."""
        for (guarantee, owner, text), pages in self._found.items():
            start = 0
            for index in range(1, len(pages) + 1):
                if index < len(pages) and pages[index][0] == pages[index - 1][0] + 1:
                    continue
                first, detail = pages[start]
                count = index - start
                where = f"{owner}, {'page' if count == 1 else 'pages'} {span(first, count)}"
                what = f"{text} ({detail})" if detail else text
                yield Violation(guarantee, where, what, range(first, first + count))
                start = index
