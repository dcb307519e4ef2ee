"""Finds the events of ``mprotect()`` in a recorded window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import RecordedEvents

_Raw = tuple[int, str, int]
"""Row, event, and the entry it is about."""
_CONVERTS: Final = ("contpte_convert", "__contpte_try_fold", "__contpte_try_unfold")
"""Functions that fold or unfold a block; the first may be part of the others."""
_GATHERS: Final = "contpte_ptep_get"
_ALIGNED: Final = "_aligned"
_FLAGS_BYTES: Final = 8


class _Scanner:
    """Walks a window row by row; ``phase`` is the last event on the entry or batch."""

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        self.kind = program.kind[window.uop].tolist()
        self.op = program.op[window.uop].tolist()
        self.target = program.target[window.uop].tolist()
        self.function = program.function[window.uop].tolist()
        self.index = window.index.tolist()
        self.offset = window.offset.tolist()
        self.phase = "commit"
        self.first = self.scanned = 0
        self.checked = -1
        self.next_table = 0 if window.ptes == TABLE_PTES else window.ptes
        self.swapping = False
        self.emptied = 0
        """The last entry that was emptied."""
        self.frames: dict[int, int] = {}
        """By entry: its struct page."""

    def events(self) -> Iterator[_Raw]:
        """Yield every event."""
        for row, (kind, target) in enumerate(zip(self.kind, self.target, strict=True)):
            if target == "src":
                event = self._entry(row, kind)
            elif target == "page" and kind == "load":
                event = self._page(row)
            elif kind == "rmw" and self.phase == "commit":
                self.phase, event = "lock", ("lock", self.next_table)
                self.next_table = TABLE_PTES if self.next_table == 0 else self.next_table
            elif self.op[row] == "dsb_ish" and self.swapping:
                event = "flush", self.emptied
            else:
                event = None
            if event is not None:
                yield row, *event

    def _entry(self, row: int, kind: str) -> tuple[str, int] | None:
        index, function = self.index[row], self.function[row]
        if kind == "rmw":
            return self._emptied(index, function)
        if kind == "store":
            return self._stored(index, function)
        if function in _CONVERTS:
            return None
        if function == _GATHERS:
            return ("gather", self.scanned) if self._ends_gather(row) else None
        if self.phase in ("commit", "lock"):
            self.phase, self.first, self.scanned, self.checked = "read", index, index, index - 1
            return "read", index
        if self.phase in ("read", "folio") and index > self.scanned:
            self.scanned = index
            return "scan", index
        return None

    def _ends_gather(self, row: int) -> bool:
        """Tell whether the gathering function reads no further entry: it stops at what it needs."""
        row += 1
        while self.function[row] == _GATHERS:
            if self.target[row] == "src":
                return False
            row += 1
        return True

    def _emptied(self, index: int, function: str) -> tuple[str, int] | None:
        self.emptied = index
        if function in _CONVERTS:
            self.swapping = True
            return ("clear_src", index) if index % CONT_PTES == CONT_PTES - 1 else None
        self.phase = "clear"
        return "clear", index

    def _stored(self, index: int, function: str) -> tuple[str, int] | None:
        if self.swapping and function in _CONVERTS:
            if index % CONT_PTES != CONT_PTES - 1:
                return None
            self.swapping = False
            return "restore_src", index
        self.swapping = False
        self.phase = "commit"
        return "commit", index

    def _page(self, row: int) -> tuple[str, int] | None:
        index = self.index[row]
        if self.phase == "read":
            self.phase, self.frames[self.first] = "folio", index
            return "folio", self.first
        if self.phase not in ("clear", "check"):
            return None
        frame = self.frames.setdefault(self.first, index)
        slot = self.checked + 1
        if index == frame + slot - self.first and self.offset[row] < _FLAGS_BYTES:
            self.phase, self.checked = "check", slot
            return "check", slot
        return None


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window, in order."""
    scanner = _Scanner(program, window)
    raw = list(scanner.events())
    pages = 1 << int(window.layout.removeprefix("order").removesuffix(_ALIGNED))
    frames = _frames(scanner.frames, pages)
    common = _traits(raw, window, large=pages > 1)
    marks = []
    batch_end = _batch_ends(raw)
    for (row, event, slot), end in zip(raw, batch_end, strict=True):
        behind = slot >= end
        name = "peek" if event == "scan" and behind else event
        page = frames.get(slot, NO_PAGE)
        head = frames.get(slot - slot % pages, NO_PAGE)
        follows = not behind or page - 1 == frames.get(slot - 1)
        traits = common | (Trait.CONSECUTIVE if follows else Trait.NONE)
        marks.append(Mark(row, Step(name, slot, page, head, traits)))
    return marks


def _traits(raw: list[_Raw], window: Recording, *, large: bool) -> int:
    traits = Trait.LARGE if large else Trait.NONE
    if any(event == "gather" for _, event, _ in raw):
        traits |= Trait.CONT
    if window.layout.endswith(_ALIGNED):
        traits |= Trait.ALIGNED
    if window.state.endswith("read-only"):
        traits |= Trait.WRITABLE
    return traits | (Trait.SHARED if window.state.startswith("shared") else Trait.NONE)


def _frames(known: dict[int, int], pages: int) -> dict[int, int]:
    """Return the struct page of every entry of the folios that were looked at."""
    frames: dict[int, int] = {}
    for slot, index in known.items():
        first = slot - slot % pages
        frames.update((first + page, index - slot + first + page) for page in range(pages))
    return frames


def _batch_ends(raw: list[_Raw]) -> list[int]:
    """Return for each event the end of its batch: behind the last entry emptied for it."""
    ends: list[int] = []
    end = 1 << 30
    for _, event, slot in reversed(raw):
        if event == "clear" and (not ends or end == 1 << 30):
            end = slot + 1
        ends.append(end)
        if event in ("read", "lock"):
            end = 1 << 30
    return ends[::-1]


def before_window(_: Recording, __: Step) -> str:
    """Return the event before a window: it begins with a lock, or with an entry's read."""
    return "commit"


RECORDED: Final = RecordedEvents(find, before_window)
