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

from costmodel.mm.pte import CONT_PTES, TABLE_PTES

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
    OPENS = 32  # a large folio's first page that is unmapped or emptied; in a release: see BYPASSES
    CLOSES = 64  # the last one; in a release: the reference that frees the folio
    SHARED = 256  # the mapping is shared: pages of a file, no copy-on-write
    TRACKED = 512  # userfaultfd write-protects the mapping, or takes that back
    ALIGNED = 128  # a single page whose frame lies in its block of 16 as its entry does
    PLACED = 1024  # a page of a large folio whose frame does
    BYPASSES = OPENS  # of a release: a folio too large for the lists of a CPU, freed at once


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

_LEFT_OUT_SHIFT = 16
_LEFT_OUT_MASK = (1 << 16) - 1


def marked_without(traits: int, kinds: Iterable[int]) -> int:
    """Return ``traits`` with the mark to execute the step without its micro-ops of ``kinds``."""
    for kind in kinds:
        traits |= 1 << (_LEFT_OUT_SHIFT + kind)
    return traits


def kinds_left_out(traits: T) -> T:
    """Return the kinds that ``traits`` leave out, one bit for each kind's number; 0 for none."""
    return traits >> _LEFT_OUT_SHIFT & _LEFT_OUT_MASK


class Context(NamedTuple):
    """Facts on which a compiled kernel can branch between two events.

    The first ones are traits of the events, then come facts about the batch, then positions in the
    block of 16 entries. Where several sets of facts distinguish the recorded fragments, earlier
    facts are preferred.
    """

    large: bool
    cont: bool
    writable: bool
    consecutive: bool
    """The frame of the last entry looked at follows that of the entry before."""
    scanned: bool
    """The batch was found by a scan behind its first entry."""
    whole: bool
    """The batch starts with a whole aligned block."""
    ends_block: bool
    """The batch ends at the border of a block."""
    before_last: str
    """The event before the last one."""
    block_start: bool
    block_end: bool
    last_block_end: bool
    sole: bool
    opens: bool
    """The last event was on the first page of a large folio to be unmapped, or emptied the entry of
    its head to store it again; in a release, it prepared a folio that the lists of a CPU do not
    take."""
    closes: bool
    table_end: bool
    """The entry is the last of its table: nothing is left to batch."""
    shared: bool
    """The mapping is shared."""
    aligned: bool
    """The last event was on a single page whose frame lies in its block of 16 as its entry does. At
    the end of a block, contpte then checks whether to fold."""
    tracked: bool
    """Userfaultfd write-protects the mapping, or takes that back."""
    placed: bool
    """As ``aligned``, of a page of a large folio. It may lie otherwise where parts of folios are
    mapped, or folios smaller than a block."""


class ContextTracker:
    """Follows the events of a stream, and knows the context of the next one."""

    __slots__ = ("batch_facts", "before_last", "first", "last", "scanned")

    def __init__(self, last: Step, before_last: str) -> None:
        """Begin after the event ``last``, which followed an event called ``before_last``."""
        self.last = last
        self.before_last = before_last
        self.batch_facts = (False, False, False)
        self.scanned = False
        self.first = last.slot

    def copy(self) -> ContextTracker:
        """Return an independent copy."""
        twin = ContextTracker(self.last, self.before_last)
        twin.batch_facts = self.batch_facts
        twin.scanned = self.scanned
        twin.first = self.first
        return twin

    def advance(self, now: Step) -> None:
        """Note that the event ``now`` happened."""
        event = now.event
        if event == "map":
            stop = now.slot + 1
            whole = self.first % CONT_PTES == 0 and stop - self.first >= CONT_PTES
            self.batch_facts = (self.scanned, whole, stop % CONT_PTES == 0)
        elif event == "get":
            self.first = now.slot
        elif event in ("read", "scan"):
            self.scanned = event == "scan"
            self.batch_facts = (self.scanned, False, False)
        self.before_last = self.last.event
        self.last = now

    def context_at(self, now: Step) -> Context:
        """Return the context in which ``now`` happens."""
        traits = now.traits
        return Context(
            bool(traits & Trait.LARGE),
            bool(traits & Trait.CONT),
            bool(traits & Trait.WRITABLE),
            bool(self.last.traits & Trait.CONSECUTIVE),
            *self.batch_facts,
            self.before_last,
            now.slot % CONT_PTES == 0,
            now.slot % CONT_PTES == CONT_PTES - 1,
            self.last.slot % CONT_PTES == CONT_PTES - 1,
            bool(traits & Trait.SOLE),
            bool(self.last.traits & Trait.OPENS),
            bool(self.last.traits & Trait.CLOSES),
            now.slot % TABLE_PTES == TABLE_PTES - 1,
            bool(traits & Trait.SHARED),
            bool(self.last.traits & Trait.ALIGNED),
            bool(traits & Trait.TRACKED),
            bool(self.last.traits & Trait.PLACED),
        )
