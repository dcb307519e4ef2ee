"""Finds the events in recordings of operations that empty entries and store them again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.mm.struct_page import ENTIRE_MAPCOUNT, FLAGS, LARGE_MAPCOUNT, REFCOUNT
from costmodel.recorder.archive import ALIGNED, RecordedProgram, Recording
from costmodel.recorder.recorded import WindowRows

_Raw = tuple[int, str, int]
"""Row, name of the event, and slot of the entry that it is about."""
_CONVERTS: Final = ("contpte_convert", "__contpte_try_fold", "__contpte_try_unfold")
"""Functions that fold or unfold a block; the first may be part of the others."""
GATHERS: Final = "contpte_ptep_get"
"""The function that reads the access and dirty bits of all entries of a block."""
_LAST: Final = CONT_PTES - 1
_OPEN: Final = 1 << 30
"""Stands for the end of a batch that is not known yet."""


class EntryScanner:
    """Walks over the rows of a recorded window; ``phase`` is the last event on the entry or batch.

    Rows that touch entries have the target ``src``, or ``dst`` where the entries are stored in
    another table.
    """

    stores: ClassVar[str]
    """Name of the event that stores an entry again, which is the last one on each entry."""

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        """Begin at the window's first row, behind an entry that was stored."""
        self.kind = program.kind[window.uop].tolist()
        self.op = program.op[window.uop].tolist()
        self.target = program.target[window.uop].tolist()
        self.function = program.function[window.uop].tolist()
        self.index = window.index.tolist()
        self.offset = window.offset.tolist()
        self.phase = self.stores
        self.first = self.scanned = 0
        self.next_table = 0 if window.ptes == TABLE_PTES else window.ptes
        self.side = ""
        """The table in which a block is being folded or unfolded."""
        self.changed = 0
        """The last entry of the last block that was emptied."""
        self.frames: dict[int, int] = {}
        """The index of the struct page of each entry that was looked at, by slot."""

    def events(self) -> Iterator[_Raw]:
        """Yield every event of the window in the order of its rows."""
        for row, (kind, target) in enumerate(zip(self.kind, self.target, strict=True)):
            if target in ("src", "dst"):
                event = self._entry(row, kind, target)
            elif target == "page" and kind == "load":
                event = self.page(row)
            elif kind == "rmw" and self.phase == self.stores:
                self.phase, event = "lock", ("lock", self.next_table)
                self.next_table = TABLE_PTES if self.next_table == 0 else self.next_table
            elif self.op[row] == "dsb_ish" and self.side:
                event = "flush", self.changed
            else:
                event = None
            if event is not None:
                yield row, *event

    def page(self, row: int) -> tuple[str, int] | None:
        """Return the event of a load from a struct page: ``folio`` at the first look behind a read.

        None for any other load.
        """
        if self.phase != "read":
            return None
        self.phase, self.frames[self.first] = "folio", self.index[row]
        return "folio", self.first

    def _entry(self, row: int, kind: str, target: str) -> tuple[str, int] | None:
        index, function = self.index[row], self.function[row]
        if function in _CONVERTS:
            return self._converted(index, kind, target)
        if kind == "rmw":
            self.phase = "clear"
            return "clear", index
        if kind == "store":
            self.phase = self.stores
            return self.stores, index
        if target == "dst":
            return None
        if function == GATHERS:
            ends = ends_gather(row, self.function, self.target)
            return ("gather", self.scanned) if ends else None
        if self.phase in (self.stores, "lock"):
            self.phase, self.first, self.scanned = "read", index, index
            return "read", index
        if self.phase in ("read", "folio") and index > self.scanned:
            self.scanned = index
            return "scan", index
        return None

    def _converted(self, index: int, kind: str, target: str) -> tuple[str, int] | None:
        """Return the event of emptying or storing a block, at its last entry; None at others."""
        if kind == "load" or index % CONT_PTES != _LAST:
            return None
        self.changed = index
        if kind == "rmw":
            self.side = target
            return f"clear_{target}", index
        self.side = ""
        return f"restore_{target}", index


def ends_gather(row: int, function: Sequence[str], target: Sequence[str]) -> bool:
    """Tell whether the function that gathers a block reads no further entry behind a row.

    ``function`` and ``target`` are those of all rows. From v6.16 on it stops at what it needs.
    """
    for name, place in zip(function[row + 1 :], target[row + 1 :], strict=True):
        if name != GATHERS or place == "src":
            return name != GATHERS
    return True


def marks_of(scanner: EntryScanner, window: Recording, traits: int) -> list[Mark]:
    """Return the events of a recorded window, in order.

    ``traits`` are those of its entries that only the operation knows, because they depend on what
    its states mean.
    """
    raw = list(scanner.events())
    pages = 1 << int(window.layout.removeprefix("order").removesuffix(ALIGNED))
    frames = _frames(scanner.frames, pages)
    common = traits | _traits(raw, window, large=pages > 1)
    marks = []
    for (row, event, slot), end in zip(raw, _batch_ends(raw), strict=True):
        behind = slot >= end
        name = "peek" if event == "scan" and behind else event
        page = frames.get(slot, NO_PAGE)
        head = frames.get(slot - slot % pages, NO_PAGE)
        follows = not behind or page - 1 == frames.get(slot - 1)
        known = common | (Trait.CONSECUTIVE if follows else Trait.NONE)
        if event == "clear" and pages > 1 and page == head:
            known |= Trait.OPENS
        marks.append(Mark(row, Step(name, slot, page, head, known)))
    return marks


def _traits(raw: list[_Raw], window: Recording, *, large: bool) -> int:
    traits = Trait.LARGE if large else Trait.NONE
    if any(event == "gather" for _, event, _ in raw):
        traits |= Trait.CONT
    return traits | (Trait.ALIGNED if window.layout.endswith(ALIGNED) else Trait.NONE)


def _frames(known: dict[int, int], pages: int) -> dict[int, int]:
    """Return the struct page of every entry of the folios that were looked at."""
    frames: dict[int, int] = {}
    for slot, index in known.items():
        first = slot - slot % pages
        frames.update((first + page, index - slot + first + page) for page in range(pages))
    return frames


def _batch_ends(raw: list[_Raw]) -> list[int]:
    """Return for each event the end of its batch: the slot behind the last entry emptied for it."""
    ends: list[int] = []
    end = _OPEN
    for _, event, slot in reversed(raw):
        if event == "clear" and end == _OPEN:
            end = slot + 1
        ends.append(end)
        if event in ("read", "lock"):
            end = _OPEN
    return ends[::-1]


RowTest = Callable[[WindowRows, int], bool]
"""Tells whether an event happens at a row."""


def rmw_of_page(offsets: Collection[int]) -> RowTest:
    """Return the test for an atomic on some bytes of a struct page."""
    return lambda rows, row: (
        rows.kind[row] == "rmw" and rows.target[row] == "page" and rows.offset[row] in offsets
    )


def store_in(function: str) -> RowTest:
    """Return the test for a store in a function whose name begins so."""
    return lambda rows, row: rows.kind[row] == "store" and rows.function[row].startswith(function)


def rmw_in(function: str) -> RowTest:
    """Return the test for an atomic in a function on what is no struct page, such as a PMD."""
    return lambda rows, row: (
        rows.kind[row] == "rmw" and rows.target[row] == "other" and rows.function[row] == function
    )


GETS: Final = rmw_of_page((REFCOUNT,))
UNSHARES: Final = rmw_of_page(FLAGS)
MAPS: Final = rmw_of_page((ENTIRE_MAPCOUNT,))
MAPS_LARGE: Final = rmw_of_page((LARGE_MAPCOUNT,))


def pmd_marks(
    rows: WindowRows, ends: tuple[str, str], between: Mapping[str, RowTest], traits: int
) -> list[Mark]:
    """Return the events of a window on one PMD, in order.

    ``ends`` are those of its first and last row. Of the rows between that an event's test is true
    of, the last one is the event's.
    """
    last = len(rows) - 1
    found = {
        event: max((row for row in range(1, last) if test(rows, row)), default=0)
        for event, test in between.items()
    }
    inside = sorted((row, event) for event, row in found.items() if row)
    traits |= Trait.LARGE | Trait.CONSECUTIVE
    return [
        Mark(row, Step(event, 0, 0, 0, traits))
        for row, event in ((0, ends[0]), *inside, (last, ends[1]))
    ]
