"""The events at which recorded streams are cut into steps.

An event is a micro-op that a kernel developer would name: a PTE is read, a reference is taken, a
mapping is counted, an entry is set. A *step* is everything that the compiled kernel executes after
one event up to and including the next. Strategies announce the events; the steps fill in the
arithmetic, branches and stack traffic that stand between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", int, NDArray[np.int64])
_new = tuple.__new__  # half the time of a named tuple's constructor


class Trait:
    """What the compiled kernel can branch on between two events: bits, to be combined with ``|``.

    Plain numbers: strategies combine them for every step, and an IntFlag takes 20 times as long.
    """

    NONE = 0
    LARGE = 1  # the folio has more than one page
    CONT = 2  # the entry belongs to a contiguous block
    WRITABLE = 4  # the entry may be written: write-protect and un-share it
    CONSECUTIVE = 8  # the frame follows the one of the entry before
    SOLE = 16  # nobody else maps or holds the page: what is unmapped will be freed
    OPENS = 32  # the first page of a large folio to be unmapped
    CLOSES = 64  # the last one; in a release: the reference that frees the folio
    SHARED = 256  # the mapping is shared: pages of a file, no copy-on-write
    TRACKED = 512  # userfaultfd write-protects the mapping, or takes that back
    ALIGNED = 128  # a single page whose frame lies in its block of 16 as its entry does


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

    def at(self, event: str, ahead: int = 0) -> Step:
        """Return an event on the page ``ahead`` pages further on."""
        _, slot, page, head, traits = self
        return _new(Step, (event, slot, page + ahead, head, traits))

    def with_traits(self, traits: int) -> Step:
        """Return the step with more traits."""
        event, slot, page, head, others = self
        return _new(Step, (event, slot, page, head, others | traits))


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

NO_PAGE = -(1 << 40)
"""``Step.page`` and ``Step.head`` where the struct page is not known. Numbers count from the first
page of a window, so that small negative ones are ordinary."""

_OMITTED_SHIFT = 16
_OMITTED_MASK = (1 << 16) - 1


def omitting(traits: int, kinds: Iterable[int]) -> int:
    """Return traits that also say: execute the step without its micro-ops of these kinds."""
    for kind in kinds:
        traits |= 1 << (_OMITTED_SHIFT + kind)
    return traits


def omitted(traits: T) -> T:
    """Return the kinds that traits leave out, as a bit mask; 0 for none."""
    return traits >> _OMITTED_SHIFT & _OMITTED_MASK
