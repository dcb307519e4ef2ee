"""Finds the events of unmapping, and of the release of pages, in recorded windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from costmodel.code.events import NO_PAGE, START, Mark, Step, Trait
from costmodel.mm.struct_page import LARGE_MAPCOUNT
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.operations.shared.recorded import MAPS, MAPS_LARGE, pmd_marks, store_in
from costmodel.operations.zap.named_loop import begun, loop_choices, loop_of
from costmodel.operations.zap.operation import DONTNEED, EXIT, MUNMAP, of_file
from costmodel.operations.zap.recorded_files import file_marks, without_flush
from costmodel.operations.zap.recorded_release import EVENTS, frames_apart, release_marks
from costmodel.operations.zap.recorded_scanner import EventRow, Scanner
from costmodel.operations.zap.whole_releases import WHOLE
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.build_archive import RELEASE
from costmodel.recorder.recorded import (
    KnownLoops,
    RecordedEvents,
    Seen,
    WindowRows,
    without_rows,
)

_WITHOUT_LARGE_MAPCOUNT: Final = ("v6.7.", "v6.7@", "v4_")


def as_posted(program: RecordedProgram, window: Recording) -> Recording:
    """Return a window without what its recording has and the posted kernel has not.

    All variants were built in one 6.12 tree, which lowers ``_large_mapcount`` for every page of a
    large folio. The kernels of the v6.7 and v4 postings did not have this counter, so the atomic is
    removed, with everything that was computed only for it. That released pages are neighbours in
    memory is an accident of the recording, which is removed too.
    """
    window = frames_apart(program, window)
    if of_file(window.state):
        window = without_flush(program, window)
    if not program.name.startswith(_WITHOUT_LARGE_MAPCOUNT):
        return window
    rows = WindowRows(program, window)
    counter = [
        row
        for row, kind in enumerate(rows.kind)
        if kind == "rmw" and rows.target[row] == "page" and rows.offset[row] == LARGE_MAPCOUNT
    ]
    return without_rows(program, window, counter)


_ON_PMDS: Final = {
    "large_unmap": MAPS_LARGE,
    "unmap": MAPS,
    "withdraw": store_in("pgtable_trans_huge_withdraw"),
    "slot": store_in("__tlb_remove"),
}


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window of zap, in order."""
    if window.layout.endswith(RELEASE):
        return release_marks(program, window)
    if of_file(window.state):
        return file_marks(program, window)
    if window.layout == LAYOUT:  # from one emptied PMD to the next
        traits = Trait.SOLE if window.state == MUNMAP.name else Trait.NONE
        return pmd_marks(WindowRows(program, window), ("clear", "clear"), _ON_PMDS, traits)
    raw = list(Scanner(program, window).events())
    return list(_marks(raw, window))


def _marks(raw: list[EventRow], window: Recording) -> Iterator[Mark]:
    """Yield the events with the entry and the struct page that each is about.

    Events on struct pages have no entry: their mappings are counted through the batch from the last
    read on.
    """
    folio = 1 << int(window.layout[len("order")])
    frames = _frames(raw, window)
    common = Trait.LARGE if folio > 1 else Trait.NONE
    common |= Trait.SOLE if window.state == MUNMAP.name else Trait.NONE
    common |= Trait.CONT if any(found.event == "gather" for found in raw) else Trait.NONE
    for found, slot in _slots(raw):
        page, head = frames.get(slot, NO_PAGE), frames.get(slot - slot % folio, NO_PAGE)
        traits = common
        if folio > 1 and slot % folio == 0:
            traits |= Trait.OPENS
        if folio > 1 and slot % folio == folio - 1:
            traits |= Trait.CLOSES
        yield Mark(found.row, Step(found.event, slot, page, head, int(traits)))


def _slots(raw: list[EventRow]) -> Iterator[tuple[EventRow, int]]:
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


def _frames(raw: list[EventRow], window: Recording) -> dict[int, int]:
    """Return the struct page of each entry that the window unmaps."""
    return {
        slot: int(window.index[found.row]) for found, slot in _slots(raw) if found.event == "unmap"
    }


def before_window(window: Recording, first: Step) -> str:
    """Return the event before a window; the windows of whole tables begin right after the lock."""
    if window.layout == LAYOUT:
        return "slot"
    return "lock" if window.layout == "order9" else START


def _rows_of_events(program: RecordedProgram, window: Recording, _task_line: int) -> list[Seen]:
    return list(Scanner(program, window).events())


_UNFOLDING: Final = "v4_before_change.arm64_contpte"
RECORDED: Final = RecordedEvents(
    find,
    before_window,
    prepare=as_posted,
    takes_turns=True,
    # The contpte kernels that clear in batches unfold a block only where a range covers it in
    # part, and no such range was recorded. The function that unfolds is the same in all of them.
    fallbacks={"no_hint.arm64_contpte": _UNFOLDING, "v6.12.117.arm64_contpte": _UNFOLDING},
    loops=KnownLoops(
        _rows_of_events,
        loop_choices,
        loop_of,
        begun,
        holds=(EXIT, MUNMAP, DONTNEED).__contains__,
        on_pages=frozenset({"unmap"}),
        between="lock",
        released=EVENTS,
    ),
    whole=WHOLE,
)
