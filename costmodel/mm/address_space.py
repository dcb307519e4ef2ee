"""Address spaces: VMAs, page tables and rss counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

from costmodel.mm.pte import TABLE_PTES, gathered_pte
from costmodel.mm.table import Pmds


class VmaKind(Enum):
    """What backs a mapping, as far as fork and zap care."""

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
    """Pages ``start`` to ``end`` (exclusive) of one mapping, as virtual page numbers."""

    start: int
    end: int
    kind: VmaKind = VmaKind.ANONYMOUS
    dontfork: bool = False
    """``MADV_DONTFORK``: the child has no such mapping."""
    lazy: bool = False
    """Only file pages that a fault finds again: fork copies no entry of it."""
    keeps_uffd_wp: bool = False
    """The child's mapping is registered with userfaultfd too; else fork drops the bit."""
    tracks_soft_dirty: bool = False
    """Soft-dirty is tracked per page; else every page counts as soft-dirty anyway."""
    writable: bool = True
    """The mapping may be written (``VM_WRITE``)."""
    write_protects: bool | None = None
    """``UFFDIO_WRITEPROTECT`` is about to protect its pages (True) or to take that back (False)."""

    @property
    def is_cow(self) -> bool:
        """Tell whether a write after fork must copy."""
        return self.kind is not VmaKind.SHARED

    @property
    def is_copied(self) -> bool:
        """Tell whether fork copies the entries of this mapping."""
        return not (self.dontfork or self.lazy)

    def table_ranges(self) -> Iterator[tuple[int, int, int]]:
        """Iterate over (table number, first slot, end slot) that the mapping covers."""
        vpn = self.start
        while vpn < self.end:
            number, first = divmod(vpn, TABLE_PTES)
            end = min(TABLE_PTES, first + self.end - vpn)
            yield number, first, end
            vpn += end - first


class AddressSpace:
    """The mappings of a process, ascending and disjoint, and what its page tables hold."""

    __slots__ = ("pmds", "rss", "vmas")

    def __init__(self, vmas: Iterable[Vma] = ()) -> None:
        """Create an address space with empty page tables."""
        self.vmas = tuple(vmas)
        self.pmds = Pmds()
        self.rss: Counter[Rss] = Counter()

    def get(self, vpn: int) -> int:
        """Return the raw entry of a page, 0 where there is no table."""
        number, slot = divmod(vpn, TABLE_PTES)
        slots = self.pmds.find(number)
        return slots[slot] if slots is not None else 0

    def gathered(self, vpn: int) -> int:
        """Return the entry of a page as ``ptep_get()`` sees it: with what its cont block knows."""
        number, slot = divmod(vpn, TABLE_PTES)
        slots = self.pmds.find(number)
        return gathered_pte(slots, slot) if slots is not None else 0

    def put(self, vpn: int, pte: int) -> None:
        """Store an entry, allocating its table (to set a state up)."""
        number, slot = divmod(vpn, TABLE_PTES)
        self.pmds.ensure(number)[slot] = pte

    def entries(self) -> Iterator[tuple[int, int]]:
        """Iterate over (virtual page number, raw entry) of all entries that are not empty."""
        for number, slots in self.pmds:
            base = number * TABLE_PTES
            for slot, pte in enumerate(slots):
                if pte:
                    yield base + slot, pte

    def for_child(self) -> AddressSpace:
        """Return the child's address space as fork finds it: the VMAs, no page tables."""
        return AddressSpace(vma for vma in self.vmas if not vma.dontfork)

    def copy(self) -> AddressSpace:
        """Return an independent copy."""
        twin = AddressSpace(self.vmas)
        twin.pmds = self.pmds.copy()
        twin.rss = self.rss.copy()
        return twin
