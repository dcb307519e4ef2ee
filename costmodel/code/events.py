"""The events at which recorded instruction streams are cut into steps.

An event is a micro-op that a kernel developer would name: a PTE is read, a reference is taken, a
mapping is counted, an entry is set. A *step* is everything that the compiled kernel executes after
one event, up to and including the next. Strategies announce the events; the steps add the
arithmetic, branches and stack accesses between them. docs/strategies.md lists the events of fork.
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
    """Facts about an event on which the compiled kernel can branch: bits, combined with ``|``.

    They are plain numbers because strategies combine them for every step, and an IntFlag takes 20
    times as long.
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
    PLACED = 1024  # a page of a large folio whose frame does


class Step(NamedTuple):
    """One event of a strategy, with what it happens to.

    ``event`` is its name, such as ``read`` or ``map``. ``slot`` is the number of the entry in its
    table, ``page`` the number of its struct page and ``head`` that of its folio's first struct
    page. ``traits`` are bits of :class:`Trait`.
    """

    event: str
    slot: int
    page: int
    head: int
    traits: int = 0

    def at(self, event: str, ahead: int = 0) -> Step:
        """Return another event on the page ``ahead`` pages further on, of the same entry."""
        _, slot, page, head, traits = self
        return _new(Step, (event, slot, page + ahead, head, traits))

    def with_traits(self, traits: int) -> Step:
        """Return the step with ``traits`` added to its own."""
        event, slot, page, head, others = self
        return _new(Step, (event, slot, page, head, others | traits))


@dataclass(frozen=True, slots=True)
class Mark:
    """An event found in a recording: the row where it is, and what it happens to.

    ``certain`` is False where the recording ends before the traits can be known.
    """

    row: int
    step: Step
    certain: bool = True


START = "start"
"""Name of the event before the first one of a recorded window."""

NO_PAGE = -(1 << 40)
"""``Step.page`` and ``Step.head`` where the struct page is not known. Numbers count from the first
page of a window, so small negative ones are ordinary."""

_OMITTED_SHIFT = 16
_OMITTED_MASK = (1 << 16) - 1


def omitting(traits: int, kinds: Iterable[int]) -> int:
    """Return ``traits`` with the mark to execute the step without its micro-ops of ``kinds``."""
    for kind in kinds:
        traits |= 1 << (_OMITTED_SHIFT + kind)
    return traits


def omitted(traits: T) -> T:
    """Return the kinds that ``traits`` leave out, one bit for each kind's number; 0 for none."""
    return traits >> _OMITTED_SHIFT & _OMITTED_MASK
