"""Finds the events of ``mprotect()`` in recorded windows."""

from __future__ import annotations

from typing import Final

from costmodel.code.events import Mark, Step, Trait
from costmodel.operations.mprotect.named_loop import begun, loop_choices, loop_of
from costmodel.operations.mprotect.operation import (
    ANONYMOUS,
    TO_READ_ONLY,
    TO_WRITABLE,
    TO_WRITE_PROTECTED,
    TO_WRITE_RESOLVED,
)
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.operations.shared.recorded import EntryScanner, RowTest, marks_of, pmd_marks
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import KnownLoops, RecordedEvents, Seen, WindowRows

_FLAGS_BYTES: Final = 8


class _Scanner(EntryScanner):
    """Finds also the looks at the flags of each page, in a batch that may become writable."""

    stores = "commit"

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        super().__init__(program, window)
        self.checked = -1

    def page(self, row: int) -> tuple[str, int] | None:
        """Return ``check`` and the slot where a row looks at the flags of that entry's page."""
        if self.phase not in ("clear", "check"):
            return super().page(row)
        index = self.index[row]
        frame = self.frames.setdefault(self.first, index)
        slot = max(self.checked + 1, self.first)
        if index == frame + slot - self.first and self.offset[row] < _FLAGS_BYTES:
            self.phase, self.checked = "check", slot
            return "check", slot
        return None


def _empties_pmd(rows: WindowRows, row: int) -> bool:
    """Tell whether a row takes a PMD out."""
    return rows.kind[row] == "rmw" and rows.function[row] == "pmdp_invalidate_ad"


def _looks_at_folio(rows: WindowRows, row: int) -> bool:
    """Tell whether a row reads the flags of the folio's first page."""
    return rows.kind[row] == "load" and rows.target[row] == "page" and rows.offset[row] == 0


_ON_PMDS: Final[dict[str, dict[str, RowTest]]] = {
    TO_READ_ONLY.name: {"clear": _empties_pmd},
    TO_WRITABLE.name: {"clear": _empties_pmd, "check": _looks_at_folio},
}


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window, in order."""
    if window.layout == LAYOUT:  # from one stored PMD to the next
        traits = Trait.WRITABLE if window.state == TO_READ_ONLY.name else Trait.NONE
        ends = "commit", "commit"
        return pmd_marks(WindowRows(program, window), ends, _ON_PMDS[window.state], traits)
    takes_away = window.state.endswith(("read-only", "write-protected"))
    traits = Trait.WRITABLE if takes_away else Trait.NONE
    if window.state.startswith("shared"):
        traits |= Trait.SHARED
    if window.state in (TO_WRITE_PROTECTED.name, TO_WRITE_RESOLVED.name):
        traits |= Trait.TRACKED
    return marks_of(_Scanner(program, window), window, traits)


def before_window(_: Recording, __: Step) -> str:
    """Return the event before a window, which begins with a lock or the read of an entry."""
    return "commit"


def _rows_of_events(program: RecordedProgram, window: Recording, _task_line: int) -> list[Seen]:
    return list(_Scanner(program, window).events())


RECORDED: Final = RecordedEvents(
    find,
    before_window,
    loops=KnownLoops(
        _rows_of_events,
        loop_choices,
        loop_of,
        begun,
        holds=(*ANONYMOUS, TO_WRITE_PROTECTED, TO_WRITE_RESOLVED).__contains__,
        on_pages=frozenset({"folio", "check"}),
        between="lock",
    ),
)
