"""Finds the events of unmapping pages of files and of shared memory in recorded windows.

Besides those of anonymous pages there are ``dirty``, ``accessed`` and ``activate``: the bits of an
entry are passed on to its folio. Where entries were dirty, mappings are uncounted behind the last
entry of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.operations.zap.recorded_scanner import EventRow, Scanner
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import WindowRows, without_rows

_DIRTIES: Final = "noop_dirty_folio"
_ACCESSES: Final = "folio_mark_accessed"
_FLUSH: Final = ("tlbi", "dsb", "isb")
_UNCOUNTS: Final = ("unmap", "large_unmap")
_SECOND: Final = 2
"""What was accessed is accessed again, and moves to the active list."""


def without_flush(program: RecordedProgram, window: Recording) -> Recording:
    """Return a window without the invalidation at the end of a table: the machine's to price.

    x86 calls another file for it, which is not there; arm64 executes it in the loop, page by page
    where a window's table has few.
    """
    rows = WindowRows(program, window)
    last = max((row for row, target in enumerate(rows.target) if target == "src"), default=0)
    flush = [row for row, kind in enumerate(rows.kind) if kind in _FLUSH and row > last]
    return without_rows(program, window, range(flush[0], flush[-1] + 1)) if flush else window


def file_marks(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a window of a state ``shared-...`` or ``file-...``, in order."""
    scanner = Scanner(program, window)
    found = sorted([*scanner.events(), *_passed_on(scanner.rows)])
    return list(_marks(found, scanner.rows, window))


def _passed_on(rows: WindowRows) -> Iterator[EventRow]:
    """Yield where dirty and access bits reach the flags of a folio."""
    touched: dict[int, int] = {}
    dirtied = False
    for row, function in enumerate(rows.function):
        looks = rows.target[row] == "page" and function == _DIRTIES
        if looks and not dirtied:
            yield EventRow(row, "dirty")
        dirtied = function == _DIRTIES and (dirtied or looks)
        if rows.kind[row] == "rmw" and rows.target[row] == "page" and function == _ACCESSES:
            times = touched[rows.index[row]] = touched.get(rows.index[row], 0) + 1
            yield EventRow(row, "activate" if times == _SECOND else "accessed")


@dataclass
class _Batch:
    """Entries from slot ``first`` on, which maps ``page``, and what was done to them.

    ``cleared`` entries were emptied, ``uncounted`` mappings uncounted; ``last`` is the slot of the
    event before.
    """

    first: int = 0
    page: int = NO_PAGE
    cleared: int = 0
    uncounted: int = 0
    last: int = 0

    def slot_of(self, event: str, slot: int | None) -> int:
        """Return the slot that the next event is about; ``slot`` is what its row says of it."""
        at = self.first if slot is None else slot
        if event == "unmap":
            at += self.uncounted
            self.uncounted += 1
        elif event == "clear":
            self.cleared += 1
        elif event in ("slot", "lock") and slot is None:
            at += max(self.cleared - 1, 0)
        elif event == "flush":
            at = self.last
        self.last = at
        return at

    def page_of(self, slot: int) -> int:
        """Return the struct page of a slot."""
        return NO_PAGE if self.page == NO_PAGE else self.page + slot - self.first


def _marks(found: Sequence[EventRow], rows: WindowRows, window: Recording) -> Iterator[Mark]:
    """Yield the events with the entry and the struct page that each is about.

    A mapping that is uncounted behind the flush has no entry any more: its slot is 0.
    """
    folio, sole = 1 << int(window.layout[len("order")]), window.state.endswith("munmap")
    common = _common_traits(found, window, folio)
    batch, delayed = _Batch(), False
    for number, (row, event, slot) in enumerate(found):
        if event == "read" and slot is not None:
            batch = _Batch(slot, _first_page(row, rows), last=batch.last)
        delayed |= event in _UNCOUNTS and found[number - 1].event == "slot"
        if delayed and event in _UNCOUNTS:
            page = rows.index[next(f.row for f in found[number:] if f.event == "unmap")]
            batch = _Batch(0, page, batch.cleared, last=batch.last)
        at = batch.slot_of(event, slot)
        page = batch.page_of(at)
        head = page - page % folio if page != NO_PAGE else NO_PAGE
        traits = common
        if event == "unmap" and folio > 1:
            traits |= Trait.OPENS if not sole or page == head else Trait.NONE
            traits |= Trait.CLOSES if sole and page == head + folio - 1 else Trait.NONE
        yield Mark(row, Step(event, 0 if delayed else at, page, head, traits))


def _common_traits(found: Sequence[EventRow], window: Recording, folio: int) -> int:
    """Return the traits that all events of a window have, of folios of ``folio`` pages."""
    traits = Trait.LARGE if folio > 1 else Trait.NONE
    traits |= Trait.SOLE if window.state.endswith("munmap") else Trait.NONE
    traits |= Trait.SHARED if window.state.startswith("shared") else Trait.NONE
    traits |= Trait.CONT if any(each.event == "gather" for each in found) else Trait.NONE
    return traits


def _first_page(row: int, rows: WindowRows) -> int:
    """Return the struct page that is touched first behind the read of an entry: its own."""
    behind = range(row, len(rows))
    return next((rows.index[each] for each in behind if rows.target[each] == "page"), NO_PAGE)
