"""Finds the events of releasing gathered pages: references are dropped, folios are freed.

The kernel works in batches of 31 list entries. It takes them from the list and drops the references
of all. Folios without references are given back to their memory cgroup, prepared page by page, and
handed to the page allocator. Windows of booted kernels consist of whole batches, those of build
trees are the release of a whole list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from costmodel.code.events import NO_PAGE, Mark, Step, Trait
from costmodel.mm.struct_page import REFCOUNT
from costmodel.operations.zap.gather import CACHED_ORDERS
from costmodel.operations.zap.operation import MUNMAP
from costmodel.recorder import RecordedProgram, Recording
from costmodel.recorder.build_archive import RELEASE
from costmodel.recorder.recorded import WindowRows

_WALKS: Final = ("release_pages", "free_pages_and_swap_cache")
_ENTRY: Final = "folios_put_refs"
_WRITES: Final = {
    ("uncharge_folio", 56): "uncharge",
    ("__mem_cgroup_uncharge_folios", 56): "uncharge",
    ("free_unref_folios", 24): "prepare",
    ("free_unref_folios", 0): "tail",
    ("free_unref_page_commit", 8): "commit",
    ("free_frozen_page_commit", 8): "commit",
    ("free_pcppages_bulk", 16): "buddy",
}
"""Events by the function that writes to a struct page, and the byte in it."""
EVENTS: Final = frozenset({"take", "batch", "put", *_WRITES.values()})
_APART: Final = 128
"""A distance in pages that is larger than an address may be from the page that its step is about
(:mod:`costmodel.recorder.fragments`)."""


class _Found(NamedTuple):
    row: int
    event: str
    page: int


def frames_apart(program: RecordedProgram, window: Recording) -> Recording:
    """Return a release of order-0 pages as if no two of them were neighbours in memory.

    The recorded ones were neighbours. So the page released before, which is the neighbour in the
    LRU and in the free lists, would be taken for the page one frame further down.
    """
    if window.layout != f"order0{RELEASE}":
        return window
    pages = program.target[window.uop] == "page"
    return replace(window, index=np.where(pages, window.index * _APART, window.index))


def _pages(window: Recording) -> int:
    return 1 << int(window.layout[len("order")])


def release_marks(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window of a release.

    What leaves the per-CPU lists is as large as what comes in, but was freed long before.
    """
    rows, folio = WindowRows(program, window), _pages(window)
    events = list(_events(rows))
    puts = [found.page for found in events if found.event == "put"]
    if not puts:
        return []  # a kernel that releases by other functions
    heads, first = set(puts), puts[0]
    raw = [
        found
        for found, after in zip(events, [*events[1:], None], strict=True)
        if not _is_repeated(found, after, (found.page - first) % folio, heads)
    ]
    if rows.function[0] == _ENTRY:  # whole batches
        raw = [_Found(-1, "batch", NO_PAGE), *raw, _Found(len(rows) - 1, "batch", NO_PAGE)]
    else:
        del raw[: next(i for i, found in enumerate(raw) if found.event == "take")]
    last_references = _last_references(raw)
    common = Trait.SOLE if window.state == MUNMAP.name else Trait.NONE
    kept = folio in {1 << order for order in CACHED_ORDERS}
    marks = []
    for found in raw:
        # Page tables lie in the list of a whole table, too: order-0 pages somewhere else.
        large = folio > 1 and (found.page < 0 or (found.page - first) % folio == 0)
        large |= folio > 1 and found.event in ("take", "tail", "buddy")
        head = found.page - (found.page - first) % folio if large else found.page
        head = found.page if found.event == "buddy" else head
        traits = common | (Trait.LARGE if large else Trait.NONE)
        traits |= Trait.CLOSES if found.row in last_references else Trait.NONE
        if found.event == "prepare" and large and not kept:
            traits |= Trait.BYPASSES
        marks.append(Mark(found.row, Step(found.event, 0, found.page, head, int(traits))))
    return marks


def _is_repeated(
    found: _Found, after: _Found | None, behind_head: int, heads: Collection[int]
) -> bool:
    """Tell whether a store is none of the events, or is followed by another of the same one.

    Flags are written of heads too, and of page tables that go with the pages; arm64 writes those of
    the second page twice; clang clears the mapping of all pages where it prepares the head.
    """
    if found.event == "prepare":
        return behind_head > 0
    if found.event != "tail":
        return False
    is_tail = behind_head > 0 and found.page - behind_head in heads
    return not is_tail or (after is not None and after[1:] == found[1:])


def _last_references(found: Sequence[_Found]) -> set[int]:
    """Return the rows that drop a folio's last reference: behind them it is uncharged."""
    rows, freed = set[int](), set[int]()
    for row, event, page in reversed(found):
        if event == "uncharge":
            freed.add(page)
        elif event == "put" and page in freed:
            freed.remove(page)
            rows.add(row)
    return rows


def _events(rows: WindowRows) -> Iterator[_Found]:
    for row, function in enumerate(rows.function):
        if rows.kind[row] == "call" and row + 1 < len(rows):
            if rows.function[row + 1] == _ENTRY and function != _ENTRY and _enters(rows, row):
                yield _Found(row, "batch", NO_PAGE)
        elif rows.target[row] == "page" and (event := _event(rows, row)):
            yield _Found(row, event, rows.index[row])


def _enters(rows: WindowRows, row: int) -> bool:
    """Tell whether a row begins a call of the release function, not a return into it."""
    return rows.function[row].startswith(("release_pages", "folios_put", "free_"))


def _event(rows: WindowRows, row: int) -> str:
    kind, offset = rows.kind[row], rows.offset[row]
    function = rows.function[row].partition(".")[0]  # compilers add .part.0, .constprop.0, ...
    if kind == "load":
        return "take" if offset == 8 and function in _WALKS else ""
    if kind == "rmw":
        return "put" if offset == REFCOUNT and function == _ENTRY else ""
    if kind != "store":
        return ""
    if function == "free_pcppages_bulk" and rows.op[row] == "stp":  # writes bytes 8 to 24
        return "buddy" if offset == 8 else ""
    return _WRITES.get((function, offset), "")
