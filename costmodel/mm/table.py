"""Page tables of 512 entries and the level (PMD) above them."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.pte import TABLE_PTES

Slots = list[int]
"""One page table: a list of 512 entries."""


def empty_table() -> Slots:
    """Return a table of 512 empty entries."""
    return [0] * TABLE_PTES


class Pmds:
    """The page tables of an address space by number, which is virtual page number // 512."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        """Create a level without tables."""
        self._tables: dict[int, Slots] = {}

    def find(self, number: int) -> Slots | None:
        """Return the table of a number; None where the PMD is empty."""
        return self._tables.get(number)

    def ensure(self, number: int) -> Slots:
        """Return the table of a number; where the PMD is empty, allocate the table first."""
        return self._tables.setdefault(number, empty_table())

    def __iter__(self) -> Iterator[tuple[int, Slots]]:
        """Yield (number, table) in ascending order."""
        return iter(sorted(self._tables.items()))

    def copy(self) -> Pmds:
        """Return an independent copy."""
        twin = Pmds()
        twin._tables = {number: slots.copy() for number, slots in self._tables.items()}
        return twin
