"""Page-table entries as plain integers: flag bits below, the frame number or swap offset above.

The positions of the bits are the model's own. It has every bit that a strategy compares, clears or
gathers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PRESENT: Final = 1 << 0
WRITE: Final = 1 << 1
DIRTY: Final = 1 << 2
YOUNG: Final = 1 << 3
SOFT_DIRTY: Final = 1 << 4
UFFD_WP: Final = 1 << 5
SPECIAL: Final = 1 << 6  # no struct page behind it: never counted
CONT: Final = 1 << 7  # arm64: one of 16 entries that a TLB may hold as one
SWAP: Final = 1 << 8  # not present; the number above is a swap offset
MIGRATION: Final = 1 << 9  # not present; the number above is the frame under migration
EXCLUSIVE: Final = 1 << 10  # swap and migration entries: the page belongs to this process alone
HUGE: Final = 1 << 11  # an entry of the level above (a PMD) that maps a folio of 2 MiB

PFN_SHIFT: Final = 16
PFN_STEP: Final = 1 << PFN_SHIFT
FLAG_MASK: Final = PFN_STEP - 1

CONT_PTES: Final = 16
"""Entries in one contiguous block of an arm64 kernel with 4 KiB pages."""
TABLE_PTES: Final = 512
"""Entries in one page table."""
PTE_BYTES: Final = 8
"""Bytes of one entry."""


def make_pte(number: int, flags: int) -> int:
    """Return the entry with a frame number or swap offset and with ``flags``.

    >>> make_pte(3, PRESENT | WRITE) == 3 * PFN_STEP + PRESENT + WRITE
    True
    """
    return number << PFN_SHIFT | flags


def gathered_pte(slots: Sequence[int], slot: int) -> int:
    """Return entry ``slot`` as ``ptep_get()`` does.

    An entry of a contiguous block has the dirty and access bits that any entry of the block has.
    """
    pte = slots[slot]
    if not pte & CONT:
        return pte
    start = slot & -CONT_PTES
    for other in slots[start : start + CONT_PTES]:
        pte |= other & (DIRTY | YOUNG)
    return pte
