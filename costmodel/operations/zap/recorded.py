"""Finds the events of unmapping, and of the release of pages, in recorded windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from costmodel.code.events import NO_PAGE, START, Mark, Step, Trait
from costmodel.mm.pte import CONT_PTES
from costmodel.mm.struct_page import LARGE_MAPCOUNT, MAPCOUNT
from costmodel.operations.shared.pmd import HUGE, LAYOUT
from costmodel.operations.zap.recorded_release import frames_apart, release_marks
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.recorded import RecordedEvents
from costmodel.recorder.rows import WindowRows, without_rows

_WITHOUT_LARGE_MAPCOUNT: Final = ("v6.7.", "v4_")
_CONVERT: Final = "contpte_convert"
_GATHERING: Final = "contpte_ptep_get"
_ALLOCATOR: Final = "get_page_from_freelist"
_LIST: Final = "__tlb_remove_folio_pages_size"


class _Found(NamedTuple):
    """An event at a row; ``slot`` is that of its entry, None for an event on a struct page."""

    row: int
    event: str
    slot: int | None = None


class _Scanner:
    """Walks over the rows of a window; ``phase`` is the last event on the entry or batch."""

    def __init__(self, program: RecordedProgram, window: Recording) -> None:
        self.rows = WindowRows(program, window)
        self.phase, self.scanned = "done", -1
        if self._starts_inside():
            self.phase, self.scanned = "read", 0
        self.swapping = False
        self.allocating = False

    def _starts_inside(self) -> bool:
        """Tell whether the window begins after the read of its first entry."""
        rows = self.rows
        row = rows.target.index("src")
        return rows.index[row] > 0 or rows.function[row] == _GATHERING

    def events(self) -> Iterator[_Found]:
        """Yield the events in order."""
        match = {"load": self._load, "store": self._store, "rmw": self._rmw}
        for row, kind in enumerate(self.rows.kind):
            self.allocating |= self.rows.function[row] == _ALLOCATOR
            if kind in match:
                found = match[kind](row)
            elif self.rows.op[row] == "dsb_ish" and self.swapping:
                found = _Found(row, "flush")
            else:
                found = None
            if found is not None:
                yield found

    def _load(self, row: int) -> _Found | None:
        rows = self.rows
        index, function = rows.index[row], rows.function[row]
        if rows.target[row] != "src" or self.phase == "clear":
            return None
        if function == _GATHERING:
            # The helper has read the entry before it is called.
            return (
                _Found(row, "gather", self.scanned) if index % CONT_PTES == CONT_PTES - 1 else None
            )
        if function.startswith("contpte_try_unfold") or self.swapping:
            return None
        if self.phase == "done" and index > self.scanned:
            self.phase, self.scanned = "read", index
            return _Found(row, "read", index)
        if self.phase == "read" and index > self.scanned:
            self.scanned = index
            return _Found(row, "scan", index)
        return None

    def _store(self, row: int) -> _Found | None:
        rows = self.rows
        if rows.target[row] == "src":
            return self._entry_written(row)
        return self._list_written(row) if rows.function[row].startswith(_LIST) else None

    def _entry_written(self, row: int) -> _Found | None:
        """Return the event of swapping or storing an entry: it is emptied, or part of an unfold."""
        rows = self.rows
        index = rows.index[row]
        if rows.function[row] != _CONVERT:
            self.phase = "clear"
            return _Found(row, "clear", index)
        self.swapping = rows.kind[row] == "rmw" or index % CONT_PTES != CONT_PTES - 1
        if index % CONT_PTES != CONT_PTES - 1:
            return None
        return _Found(row, "clear_src" if rows.kind[row] == "rmw" else "restore_src", index)

    def _list_written(self, row: int) -> _Found | None:
        """Return the event of a store to the gather list: an entry, or the header of a new page.

        The first few slots are on the stack, in the mmu_gather itself.
        """
        rows = self.rows
        if rows.size[row] == 4 and not self.allocating:
            self.phase = "done"
            return _Found(row, "slot")
        if self.allocating and (rows.size[row] == 16 or rows.offset[row] == 8):
            self.allocating = False
            return _Found(row, "list_page")
        return None

    def _rmw(self, row: int) -> _Found | None:
        rows = self.rows
        target, offset = rows.target[row], rows.offset[row]
        if target == "src":
            return self._entry_written(row)
        if target == "page" and offset in (MAPCOUNT, LARGE_MAPCOUNT):
            self.phase = "unmap"
            return _Found(row, "unmap" if offset == MAPCOUNT else "large_unmap")
        if rows.function[row] == "_raw_spin_lock":
            return _Found(row, "lock")
        return None


def as_posted(program: RecordedProgram, window: Recording) -> Recording:
    """Return a window without what its recording has and the posted kernel has not.

    All variants were built in one 6.12 tree, which lowers ``_large_mapcount`` for every page of a
    large folio. The kernels of the v6.7 and v4 postings did not have this counter, so the atomic is
    removed, with everything that was computed only for it. That released pages are neighbours in
    memory is an accident of the recording, which is removed too.
    """
    window = frames_apart(program, window)
    if not program.name.startswith(_WITHOUT_LARGE_MAPCOUNT):
        return window
    rows = WindowRows(program, window)
    counter = [
        row
        for row, kind in enumerate(rows.kind)
        if kind == "rmw" and rows.target[row] == "page" and rows.offset[row] == LARGE_MAPCOUNT
    ]
    return without_rows(program, window, counter)


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window of zap, in order."""
    if window.layout.endswith("_release"):
        return release_marks(program, window)
    if window.layout == LAYOUT:  # from one emptied PMD to the next
        traits = Trait.LARGE | (Trait.SOLE if window.state == "munmap" else Trait.NONE)
        return [Mark(row, Step(HUGE, 0, 0, 0, traits)) for row in (0, len(window.uop) - 1)]
    raw = list(_Scanner(program, window).events())
    return list(_marks(raw, window))


def _marks(raw: list[_Found], window: Recording) -> Iterator[Mark]:
    """Yield the events with the entry and the struct page that each is about.

    Events on struct pages have no entry: their mappings are counted through the batch from the last
    read on.
    """
    folio = 1 << int(window.layout[len("order")])
    frames = _frames(raw, window)
    common = Trait.LARGE if folio > 1 else Trait.NONE
    common |= Trait.SOLE if window.state == "munmap" else Trait.NONE
    common |= Trait.CONT if any(found.event == "gather" for found in raw) else Trait.NONE
    for found, slot in _slots(raw):
        page, head = frames.get(slot, NO_PAGE), frames.get(slot - slot % folio, NO_PAGE)
        traits = common
        if folio > 1 and slot % folio == 0:
            traits |= Trait.OPENS
        if folio > 1 and slot % folio == folio - 1:
            traits |= Trait.CLOSES
        yield Mark(found.row, Step(found.event, slot, page, head, int(traits)))


def _slots(raw: list[_Found]) -> Iterator[tuple[_Found, int]]:
    batch, unmapped, slot = 0, 0, 0
    for found in raw:
        if found.event == "read":
            assert found.slot is not None
            batch, unmapped = found.slot, 0
        if found.event == "unmap":
            slot = batch + unmapped
            unmapped += 1
        elif found.event == "large_unmap":
            slot = batch + unmapped
        elif found.slot is not None:
            slot = found.slot
        yield found, slot


def _frames(raw: list[_Found], window: Recording) -> dict[int, int]:
    """Return the struct page of each entry that the window unmaps."""
    return {
        slot: int(window.index[found.row]) for found, slot in _slots(raw) if found.event == "unmap"
    }


def before_window(window: Recording, first: Step) -> str:
    """Return the event before a window; the windows of whole tables begin right after the lock."""
    if window.layout == LAYOUT:
        return HUGE
    return "lock" if window.layout == "order9" else START


_UNFOLDING: Final = "v4_before_change.arm64_contpte"
RECORDED: Final = RecordedEvents(
    find,
    before_window,
    prepare=as_posted,
    takes_turns=True,
    # The contpte kernels that clear in batches unfold a block only where a range covers it in
    # part, and no such range was recorded. The function that unfolds is the same in all of them.
    donors={"no_hint.arm64_contpte": _UNFOLDING, "v6.12.117.arm64_contpte": _UNFOLDING},
)
