"""Finds the events of releasing gathered pages: references are dropped, folios are freed.

The kernel works in batches of 31 list entries. It takes them from the list and drops the references
of all. Folios without references are given back to their memory cgroup, prepared page by page, and
handed to the page allocator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.recorder import RecordedProgram, Recording
from costmodel.recorder.recorded import WindowRows

_WALK: Final = "release_pages"
_ENTRY: Final = "folios_put_refs"
_FREES: Final = "__page_cache_release"
_APART: Final = 128
"""A distance in pages that is larger than an address may be from the page that its step is about
(:mod:`costmodel.recorder.paths`)."""


class _Found(NamedTuple):
    row: int
    event: str
    page: int


def frames_apart(program: RecordedProgram, window: Recording) -> Recording:
    """Return a release of order-0 pages as if no two of them were neighbours in memory.

    The recorded ones were neighbours. So the page released before, which is the neighbour in the
    LRU and in the free list, would be taken for the page one frame further down.
    """
    if window.layout != "order0_release":
        return window
    pages = program.target[window.uop] == "page"
    return replace(window, index=np.where(pages, window.index * _APART, window.index))


def release_marks(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window of a release, which consists of whole batches."""
    rows = WindowRows(program, window)
    # What leaves the per-CPU lists is as large as what comes in, but was freed long before.
    folio = 1 << int(window.layout[len("order")])
    events = list(_events(rows))
    first = next(found.page for found in events if found.event == "put")
    # arm64 writes the flags of heads too, and twice those of the second page.
    inner = [
        found
        for found, after in zip(events, [*events[1:], None], strict=True)
        if found.event != "tail"
        or ((found.page - first) % folio and not (after and after.page == found.page))
    ]
    raw = [_Found(-1, "batch", NO_PAGE), *inner, _Found(len(rows) - 1, "batch", NO_PAGE)]
    marks = []
    for number, found in enumerate(raw):
        # Page tables lie in the list of a whole table, too: order-0 pages somewhere else.
        large = folio > 1 and (found.page < 0 or (found.page - first) % folio == 0)
        large |= folio > 1 and found.event in ("take", "tail", "buddy")
        head = found.page - (found.page - first) % folio if large else found.page
        head = found.page if found.event == "buddy" else head
        traits = Trait.LARGE if large else Trait.NONE
        traits |= Trait.SOLE if window.state == "munmap" else Trait.NONE
        if found.event == "put" and _frees(rows, found.row, raw[number + 1].row):
            traits |= Trait.CLOSES
        marks.append(Mark(found.row, Step(found.event, 0, found.page, head, int(traits))))
    return marks


def _frees(rows: WindowRows, row: int, end: int) -> bool:
    """Tell whether a reference was the last one: the folio leaves the LRU before the next event."""
    return any(function.startswith(_FREES) for function in rows.function[row:end])


def _events(rows: WindowRows) -> Iterator[_Found]:
    head = -1
    for row, function in enumerate(rows.function):
        if rows.kind[row] == "call" and row + 1 < len(rows):
            if rows.function[row + 1] == _ENTRY and function != _ENTRY and _enters(rows, row):
                yield _Found(row, "batch", NO_PAGE)
            continue
        if rows.target[row] != "page":
            continue
        event = _event(rows, row, head)
        if event:
            head = rows.index[row] if event not in ("take", "tail") else head
            yield _Found(row, event, rows.index[row])


def _enters(rows: WindowRows, row: int) -> bool:
    """Tell whether a row begins a call of the release function, not a return into it."""
    return rows.function[row].startswith(("release_pages", "folios_put", "free_"))


def _event(rows: WindowRows, row: int, head: int) -> str:
    kind, function, offset = rows.kind[row], rows.function[row], rows.offset[row]
    if kind == "load":
        return "take" if offset == 8 and function.startswith(_WALK) else ""
    if kind == "rmw":
        return "put" if offset == 52 and function == _ENTRY else ""
    if kind != "store":
        return ""
    match function, offset:
        case "uncharge_folio", 56:
            return "uncharge"
        case "free_unref_folios", 24:
            return "prepare"
        case "free_unref_folios", 0 if rows.index[row] != head and rows.op[row] != "and_store":
            return "tail"
        case "free_unref_page_commit", 8:
            return "commit"
        case "free_pcppages_bulk", 16:
            return "buddy"
        case "free_pcppages_bulk", 8 if rows.op[row] == "stp":
            return "buddy"
    return ""
