"""The scan for consecutive entries of one large folio (``folio_pte_batch()`` and its ancestors)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from costmodel.code.events import Step, Trait
from costmodel.config.errors import describe
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    PFN_STEP,
    PRESENT,
    SOFT_DIRTY,
    TABLE_PTES,
    WRITE,
    YOUNG,
)
from costmodel.operations.shared.entry import Counted, Entry, TablePart
from costmodel.user_code.blame import StrategyError


@dataclass(frozen=True)
class Scan:
    """What distinguishes the scans for a batch in the postings and releases.

    * ``whole_entry``: every bit but the frame number must match within a batch. Otherwise the bits
      in ``always_ignored`` (access and write) may differ, and those that the mapping does not care
      about.
    * ``looks_past_folio``: the scan reads the entry behind the folio before it stops. It does so
      until v6.12, which clamps the scan to the folio.
    * ``stops_on_last``: the scan stops on the folio's last page instead of behind it (the
      off-by-one error of 19 December 2023).
    * ``gathers``: an entry of a contiguous block is read together with the access and dirty bits of
      all 16 entries.
    * ``hints``: the scan steps over whole contiguous blocks (``pte_batch_hint()``).
    * ``limit``: the largest number of entries of one batch, at least 1.
    * ``keeps_soft_dirty``: soft-dirty bits must match even in a mapping that does not track them.

    Raises StrategyError for a limit below 1.
    """

    whole_entry: bool = False
    always_ignored: int = YOUNG | WRITE
    looks_past_folio: bool = False
    stops_on_last: bool = False
    gathers: bool = False
    hints: bool = False
    limit: int = TABLE_PTES
    keeps_soft_dirty: bool = False

    def __post_init__(self) -> None:
        """Raise StrategyError for batches without an entry, with which a loop would never end."""
        if type(self.limit) is not int or self.limit < 1:
            reason = "limit: must be at least 1: the entries of a batch"
            raise StrategyError(reason, got=describe(self.limit))

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Return the choices of a recorded loop; raise TypeError where a field is none of them."""
        for name, value in fields.items():
            if type(value) is not type(getattr(cls, name, None)):
                raise TypeError(f"{name}: {describe(value)}")
        return cls(**fields)  # type: ignore[arg-type]


def scan(part: TablePart, entry: Entry, how: Scan) -> Counted:
    """Return how many entries from ``entry`` on map consecutive pages of its folio alike.

    ``entry.folio`` must not be None. A ``scan`` event is yielded for each entry that belongs to the
    batch and one ``peek`` for the entry that ends it. ``entry`` gets the trait ``WRITABLE`` where
    an entry of the batch has the write bit, or the part's operation does not ask: in the tables
    that build trees were recorded of every entry has it, so that their steps may know by this trait
    that an entry is not the first of its batch. Use ``count = yield from scan(...)``.
    """
    folio = entry.folio
    assert folio is not None
    in_folio = folio.pages - folio.page(entry.page)
    limit = min(part.end - entry.slot, how.limit)
    if not how.looks_past_folio:
        limit = min(limit, in_folio)
    slots, mask = part.src.slots, ~(_ignored(part, how) | CONT)
    expected = entry.pte & mask
    count = _hint(entry.slot, entry.pte, how)
    while count < limit:
        pte = slots[entry.slot + count]
        alike = pte & mask == expected + count * PFN_STEP
        last = count == in_folio - 1
        past = count >= in_folio and not how.stops_on_last
        stop = not alike or past or (how.stops_on_last and last)
        event = "peek" if stop else "scan"
        seen = _seen(entry, event, count, pte)
        yield seen
        if how.gathers and pte & CONT:
            yield seen._replace(event="gather", traits=seen.traits | Trait.CONT)
        if stop:
            break
        if pte & WRITE or not part.asks_who_writes:
            entry.traits |= Trait.WRITABLE
        count += _hint(entry.slot + count, pte, how)
    return min(count, limit)


def _ignored(part: TablePart, how: Scan) -> int:
    """Return the flag bits that may differ between the entries of a batch."""
    if how.whole_entry:
        return 0
    dirty = 0 if part.vma.is_cow else DIRTY
    soft_dirty = 0 if part.vma.tracks_soft_dirty or how.keeps_soft_dirty else SOFT_DIRTY
    return how.always_ignored | dirty | soft_dirty


def _hint(slot: int, pte: int, how: Scan) -> int:
    """Return how many entries from ``slot`` on are known to be alike without reading them."""
    return CONT_PTES - slot % CONT_PTES if how.hints and pte & CONT else 1


def _seen(entry: Entry, event: str, count: int, pte: int) -> Step:
    step = entry.step(event, count)
    follows = pte & PRESENT and pte // PFN_STEP == entry.page + count
    return step if follows else step._replace(traits=step.traits & ~Trait.CONSECUTIVE)
