"""Address spaces: mappings (VMAs), page tables and resident-set counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

from costmodel.mm.pte import TABLE_PTES, gathered_pte

Slots = list[int]
"""One page table: a list of 512 entries."""


def empty_table() -> Slots:
    """Return a table of 512 empty entries."""
    return [0] * TABLE_PTES


class Pmds:
    """The PMDs of an address space by number, which is virtual page number // 512.

    A PMD is empty, points to a page table, or maps a folio of 2 MiB itself. ``deposits`` counts the
    tables that wait for a split of such a PMD, by the page that the PMD lies in (number // 512).
    """

    __slots__ = ("_huge", "_tables", "deposits")

    def __init__(self) -> None:
        """Create a level of empty PMDs."""
        self._tables: dict[int, Slots] = {}
        self._huge: dict[int, Slots] = {}
        self.deposits: Counter[int] = Counter()

    def find(self, number: int) -> Slots | None:
        """Return the table of a number; None where there is none."""
        return self._tables.get(number)

    def ensure(self, number: int) -> Slots:
        """Return the table of a number; where the PMD is empty, allocate the table first."""
        return self._tables.setdefault(number, empty_table())

    def find_huge(self, number: int) -> Slots | None:
        """Return a list of the one PMD of a number that maps a folio, or once did; else None."""
        return self._huge.get(number)

    def ensure_huge(self, number: int) -> Slots:
        """Return the list of the one PMD of a number, to map a folio by it."""
        return self._huge.setdefault(number, [0])

    def deposit(self, number: int, tables: int = 1) -> None:
        """Let so many more page tables wait for a split in the page that a PMD lies in."""
        self.deposits[number // TABLE_PTES] += tables

    def huge(self) -> Iterator[tuple[int, int]]:
        """Yield (number, PMD) of those that map a folio, in ascending order."""
        for number, (pmd,) in sorted(self._huge.items()):
            if pmd:
                yield number, pmd

    def __iter__(self) -> Iterator[tuple[int, Slots]]:
        """Yield (number, table) in ascending order."""
        return iter(sorted(self._tables.items()))

    def copy(self) -> Pmds:
        """Return an independent copy."""
        twin = Pmds()
        twin._tables = {number: slots.copy() for number, slots in self._tables.items()}
        twin._huge = {number: slots.copy() for number, slots in self._huge.items()}
        twin.deposits = self.deposits.copy()
        return twin


class VmaKind(Enum):
    """What backs a mapping, as far as it matters to the operations here."""

    ANONYMOUS = "anonymous private"
    PRIVATE_FILE = "private file"
    SHARED = "shared"


class Rss(StrEnum):
    """Which resident-set counter an entry belongs to."""

    FILE = "file"
    ANON = "anon"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class Vma:
    """One mapping: virtual page numbers ``start`` to ``end`` (exclusive), and its properties."""

    start: int
    end: int
    kind: VmaKind = VmaKind.ANONYMOUS
    dontfork: bool = False
    """``MADV_DONTFORK``: the child has no such mapping."""
    lazy: bool = False
    """It has only file pages, which a page fault finds again: fork copies no entry of it."""
    keeps_uffd_wp: bool = False
    """The child's mapping is registered with userfaultfd too. Otherwise fork drops uffd-wp bits."""
    tracks_soft_dirty: bool = False
    """Soft-dirty is tracked per page. Otherwise every page counts as soft-dirty."""
    writable: bool = True
    """The mapping may be written (``VM_WRITE``)."""
    write_protects: bool | None = None
    """``UFFDIO_WRITEPROTECT`` is about to protect its pages (True) or to take that back (False)."""

    @property
    def is_cow(self) -> bool:
        """Whether a write after fork must copy the page (copy-on-write): the mapping is private."""
        return self.kind is not VmaKind.SHARED

    @property
    def is_copied(self) -> bool:
        """Whether fork copies the entries of this mapping."""
        return not (self.dontfork or self.lazy)

    def whole_tables(self) -> Iterator[int]:
        """Yield the numbers of the PMDs of which the mapping has all 512 pages."""
        for number, first, end in self.table_ranges():
            if end - first == TABLE_PTES:
                yield number

    def table_ranges(self) -> Iterator[tuple[int, int, int]]:
        """Yield (table number, first slot, end slot) for each table that the mapping touches."""
        vpn = self.start
        while vpn < self.end:
            number, first = divmod(vpn, TABLE_PTES)
            end = min(TABLE_PTES, first + self.end - vpn)
            yield number, first, end
            vpn += end - first


class AddressSpace:
    """The mappings of a process, and its page tables.

    ``vmas`` are ascending and disjoint, ``pmds`` holds the page tables by number, ``rss`` counts
    resident pages.
    """

    __slots__ = ("pmds", "rss", "vmas")

    def __init__(self, vmas: Iterable[Vma] = ()) -> None:
        """Create an address space with empty page tables."""
        self.vmas = tuple(vmas)
        self.pmds = Pmds()
        self.rss: Counter[Rss] = Counter()

    def get(self, vpn: int) -> int:
        """Return the raw entry of a virtual page number; 0 where there is no table.

        A PMD that maps a folio stands at the first of its pages, and nothing at the others.
        """
        number, slot = divmod(vpn, TABLE_PTES)
        slots = self.pmds.find(number)
        return slots[slot] if slots is not None and slots[slot] else self._huge_at(number, slot)

    def _huge_at(self, number: int, slot: int) -> int:
        found = self.pmds.find_huge(number) if slot == 0 else None
        return found[0] if found is not None else 0

    def gathered(self, vpn: int) -> int:
        """Return the entry of a virtual page number as ``ptep_get()`` returns it.

        It has the access and dirty bits of its whole contiguous block. Where there is no table it
        is as that of :meth:`get`.
        """
        number, slot = divmod(vpn, TABLE_PTES)
        slots = self.pmds.find(number)
        if slots is not None and slots[slot]:
            return gathered_pte(slots, slot)
        return self._huge_at(number, slot)

    def put(self, vpn: int, pte: int) -> None:
        """Store an entry and allocate its table if needed, to set a state up."""
        number, slot = divmod(vpn, TABLE_PTES)
        self.pmds.ensure(number)[slot] = pte

    def map_whole(self, number: int, pmd: int) -> None:
        """Let a PMD map a folio, with a table that waits for its split, to set a state up."""
        self.pmds.ensure_huge(number)[0] = pmd
        self.pmds.deposit(number)

    def entries(self) -> Iterator[tuple[int, int]]:
        """Yield (virtual page number, raw entry) of all entries that are not empty.

        PMDs that map folios come last.
        """
        for number, slots in self.pmds:
            base = number * TABLE_PTES
            for slot, pte in enumerate(slots):
                if pte:
                    yield base + slot, pte
        for number, pmd in self.pmds.huge():
            yield number * TABLE_PTES, pmd

    def for_child(self) -> AddressSpace:
        """Return the child's address space before fork copies entries: mappings, no page tables."""
        return AddressSpace(vma for vma in self.vmas if not vma.dontfork)

    def copy(self) -> AddressSpace:
        """Return an independent copy."""
        twin = AddressSpace(self.vmas)
        twin.pmds = self.pmds.copy()
        twin.rss = self.rss.copy()
        return twin
