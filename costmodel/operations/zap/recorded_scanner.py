"""Walks over recorded rows of an unmap loop and finds its events on entries and on the list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from costmodel.mm.pte import CONT_PTES
from costmodel.mm.struct_page import LARGE_MAPCOUNT, MAPCOUNT
from costmodel.operations.shared.recorded import GATHERS, ends_gather
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import WindowRows

_CONVERT: Final = "contpte_convert"
_ALLOCATOR: Final = "get_page_from_freelist"
_LIST: Final = ("__tlb_remove_folio_pages", "__tlb_remove_page")
"""How functions that put a page on the gather list are called. Compilers make one of several, or
part of one a function of its own."""
_NUMBER_BYTES: Final = 4
"""Size of the number of slots in use in a page of the list."""


class EventRow(NamedTuple):
    """An event at a row; ``slot`` is that of its entry, None for an event on a struct page."""

    row: int
    event: str
    slot: int | None = None


class Scanner:
    """Walks over the rows of a window; ``phase`` is the last event on the entry or batch."""

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        """Begin at the first row, in front of an entry or inside one."""
        self.rows = WindowRows(program, window)
        self.phase, self.scanned, self.emptied = "done", -1, -1
        if self._starts_inside():
            self.phase, self.scanned = "read", 0
        self.swapping = False
        self.allocating = False
        self.numbers: set[tuple[str, int, int]] = set()
        """Places of four bytes that were read where pages are put on the list."""

    def _starts_inside(self) -> bool:
        """Tell whether the window begins after the read of its first entry."""
        rows = self.rows
        row = rows.target.index("src")
        return rows.index[row] > 0 or rows.function[row] == GATHERS

    def events(self) -> Iterator[EventRow]:
        """Yield the events in order."""
        match = {"load": self._load, "store": self._store, "rmw": self._rmw}
        for row, kind in enumerate(self.rows.kind):
            self.allocating |= self.rows.function[row] == _ALLOCATOR
            if kind in match:
                found = match[kind](row)
            elif self.rows.op[row] == "dsb_ish" and self.swapping:
                found = EventRow(row, "flush")
            else:
                found = None
            if found is not None:
                yield found

    def _load(self, row: int) -> EventRow | None:
        rows = self.rows
        index, function = rows.index[row], rows.function[row]
        # clang for arm64 reads the number and the room of a page of the list in one instruction.
        words = 2 if rows.op[row] == "ldp" else 1
        if rows.size[row] == words * _NUMBER_BYTES and function.startswith(_LIST):
            self.numbers.add(self._place(row))
        if rows.target[row] != "src" or self.phase == "clear":
            return None
        if function == GATHERS:
            # The helper has read the entry before it is called.
            ends = ends_gather(row, rows.function, rows.target)
            return EventRow(row, "gather", self.scanned) if ends else None
        if function.startswith("contpte_try_unfold") or self.swapping:
            return None
        if self.phase == "done" and index > self.emptied:
            self.phase, self.scanned = "read", index
            return EventRow(row, "read", index)
        if self.phase == "read" and index > self.scanned:
            self.scanned = index
            return EventRow(row, "scan", index)
        return None

    def _store(self, row: int) -> EventRow | None:
        rows = self.rows
        if rows.target[row] == "src":
            return self._entry_written(row)
        return self._list_written(row) if rows.function[row].startswith(_LIST) else None

    def _entry_written(self, row: int) -> EventRow | None:
        """Return the event of swapping or storing an entry: it is emptied, or part of an unfold."""
        rows = self.rows
        index = rows.index[row]
        if rows.function[row] != _CONVERT:
            self.phase, self.emptied = "clear", index
            return EventRow(row, "clear", index)
        self.swapping = rows.kind[row] == "rmw" or index % CONT_PTES != CONT_PTES - 1
        if index % CONT_PTES != CONT_PTES - 1:
            return None
        return EventRow(row, "clear_src" if rows.kind[row] == "rmw" else "restore_src", index)

    def _list_written(self, row: int) -> EventRow | None:
        """Return the event of a store to the gather list: an entry, or the header of a new page.

        The first few slots are on the stack, in the mmu_gather itself.
        """
        rows = self.rows
        if self._place(row) in self.numbers and not self.allocating:
            self.phase = "done"
            return EventRow(row, "slot")
        if self.allocating and (rows.size[row] == 16 or rows.offset[row] == 8):
            self.allocating = False
            return EventRow(row, "list_page")
        return None

    def _place(self, row: int) -> tuple[str, int, int]:
        rows = self.rows
        return rows.target[row], rows.index[row], rows.offset[row]

    def _rmw(self, row: int) -> EventRow | None:
        rows = self.rows
        target, offset = rows.target[row], rows.offset[row]
        if target == "src":
            return self._entry_written(row)
        if target == "page" and offset in (MAPCOUNT, LARGE_MAPCOUNT):
            self.phase = "unmap"
            return EventRow(row, "unmap" if offset == MAPCOUNT else "large_unmap")
        if rows.function[row] == "_raw_spin_lock":
            return EventRow(row, "lock")
        return None
