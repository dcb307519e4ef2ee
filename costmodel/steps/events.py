"""The events at which recorded streams are cut into steps.

An event is a micro-op that a kernel developer would name: a PTE is read, a reference is taken, a
mapping is counted, an entry is set. A *step* is everything that the compiled kernel executes after
one event up to and including the next. Strategies announce the events; the steps fill in the
arithmetic, branches and stack traffic that stand between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple


class Trait(IntFlag):
    """What the compiled kernel can branch on between two events."""

    NONE = 0
    LARGE = 1  # the folio has more than one page
    CONT = 2  # the entry belongs to a contiguous block
    WRITABLE = 4  # the entry may be written: write-protect and un-share it
    CONSECUTIVE = 8  # the frame follows the one of the entry before


class Step(NamedTuple):
    """One event of a strategy, with what it happens to.

    ``slot`` is the PTE's number in its table, ``page`` the number of its struct page and ``head``
    that of its folio's first page.
    """

    event: str
    slot: int
    page: int
    head: int
    traits: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """An event found in a recording: the row it stands at and what it happens to.

    ``certain`` is False where the window ends before its traits can be known.
    """

    row: int
    step: Step
    certain: bool = True


START = "start"
"""The event before the first of a window."""
