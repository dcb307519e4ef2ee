"""Finds the events of ``mremap()`` in recorded windows."""

from __future__ import annotations

from typing import Final

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.operations.shared.recorded import EntryScanner, marks_of, pmd_marks, rmw_in
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import RecordedEvents, WindowRows

_TABLES: Final = "tables"
_ON_PMDS: Final = {"clear": rmw_in("move_huge_pmd")}


class _Scanner(EntryScanner):
    """Finds entries that are emptied in one table and stored in another."""

    stores = "set"


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window, in order."""
    if window.layout == _TABLES:  # from one store that hangs a table in to the next
        rows = (0, 0), (len(window.uop) - 1, TABLE_PTES)
        return [Mark(row, Step("table", slot, NO_PAGE, NO_PAGE)) for row, slot in rows]
    if window.layout == LAYOUT:  # from one stored PMD to the next
        ends = "set", "set"
        return pmd_marks(WindowRows(program, window), ends, _ON_PMDS, Trait.WRITABLE)
    return marks_of(_Scanner(program, window), window, Trait.WRITABLE)


def before_window(window: Recording, __: Step) -> str:
    """Return the event before a window, which ends an entry or a table."""
    return "table" if window.layout == _TABLES else "set"


_BY_ENTRY: Final = "v6.12.117"
RECORDED: Final = RecordedEvents(
    find,
    before_window,
    fallbacks={
        f"{_BY_ENTRY}_tables.{arch}": f"{_BY_ENTRY}.{arch}"
        for arch in ("x86_64", "arm64_nocontpte", "arm64_contpte")
    },
    missing=frozenset({
        "lock", "read", "gather", "clear_src", "flush", "restore_src", "clear", "set", "clear_dst",
        "restore_dst",
    }),
)  # fmt: skip
