"""The context of an event, on which the choice between recorded paths depends."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.code.events import Step, Trait
from costmodel.mm.pte import CONT_PTES, TABLE_PTES


class Context(NamedTuple):
    """Facts on which a compiled kernel can branch between two events.

    The first ones are traits of the events, then come facts about the batch, then positions in the
    block of 16 entries. Where several sets of facts distinguish the recorded paths, earlier facts
    are preferred.
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
    """The last event was on the first page of a large folio to be unmapped."""
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
