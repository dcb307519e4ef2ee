"""Traces an unmap: what each distinct page table costs to unmap, and what its pages to release.

The two are traces of their own: the gather list is released when it is full or the operation ends,
many page tables after the first of its pages was unmapped. Both are cut into pieces, and a piece is
traced once however often it occurs: unmapping executes five times what copying does.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.kernel.build import Memory
from costmodel.kernel.folio import Folio
from costmodel.kernel.gather import LIST_PAGES, MAX_SLOTS
from costmodel.kernel.page_lists import CACHED_ORDERS, LARGEST_SMALL_ORDER, PageLists
from costmodel.kernel.shapes import ShapedSpace, TableShape
from costmodel.kernel.zap import ZapOperation
from costmodel.steps.events import Step
from costmodel.steps.library import Library, load_library
from costmodel.strategies.shared.entry import Steps
from costmodel.strategies.strategy import Strategy
from costmodel.strategies.zap.release import flush_and_release
from costmodel.trace import TableRun, Trace
from costmodel.tracing.build import build
from costmodel.tracing.cache import ByteCache, trace_bytes
from costmodel.tracing.record import Record, recorder_of
from costmodel.tracing.zap_reuse import with_reuse
from costmodel.uops import Uop, Value

PER_PAGE: Final = "dontneed-per-page"
"""State in which every page is unmapped by a call of its own."""
_PIECE_PTES: Final = 64
_FREED_BEFORE: Final = 1 << 24
"""Frames between a page and one that was freed in its place some lists earlier."""


_Part = tuple[Record, int]
"""What a part of a table executes, and how many entries it covers."""


@dataclass(frozen=True)
class _Piece:
    """A part of one table that occurs ``count`` times in it."""

    trace: Trace
    count: int
    ptes: int


def _bytes_of(pieces: tuple[_Piece, ...]) -> int:
    return sum(trace_bytes(piece.trace) for piece in pieces)


_RELEASE_BYTES: Final = 8 << 20
_releases: Final = ByteCache[tuple[_Piece, ...]](_RELEASE_BYTES, _bytes_of)
"""Most strategies fill the list alike: what they release is traced once."""


@dataclass(frozen=True)
class _Traced:
    """One table: its unmap, the release of its pages, the slots of the list that it takes."""

    unmap: tuple[_Piece, ...]
    release: tuple[_Piece, ...]
    slots: int


def zap_runs(
    strategy: Strategy, program: str, release_program: str, space: ShapedSpace
) -> tuple[TableRun, ...]:
    """Return the unmap of every table, then the release of what they gathered.

    The pages of a released trace were unmapped up to a full gather list before; one call per page
    releases each at once.
    """
    kept = LIST_PAGES if space.ptes > MAX_SLOTS else 0
    traced = [
        (shape, _trace(strategy, (program, _releasing(release_program, shape)), shape, kept))
        for shape in space.shapes
    ]
    unmaps = [
        TableRun(piece.trace, shape.count * piece.count, piece.ptes)
        for shape, table in traced
        for piece in table.unmap
    ]
    slots = sum(shape.count * table.slots for shape, table in traced)
    releases = (
        TableRun(piece.trace, shape.count * piece.count, 0)
        for shape, table in traced
        for piece in table.release
    )
    return (*unmaps, *with_reuse(unmaps, releases, slots))


def _releasing(program: str, shape: TableShape) -> str:
    """Return the program that releases the pages of a table.

    A list of order-0 pages is the same in every kernel: one recording serves all, so that two
    strategies never differ by what the free lists of the recorded machines happened to hold.
    """
    return program if any(shape.orders) else f"v6.7.{program.rpartition('.')[2]}"


@lru_cache(maxsize=256)
def _trace(
    strategy: Strategy, programs: tuple[str, str], shape: TableShape, list_pages: int
) -> _Traced:
    memory = shape.build()
    zap = memory.zap(contpte=strategy.contpte, list_pages=list_pages)
    zap.page_lists = _full_lists(memory)
    if shape.state == PER_PAGE:
        released: list[Step | Uop] = []
        unmapping = _page_by_page(strategy, zap, range(shape.ptes), released)
    else:
        unmapping = strategy.function(zap)
        released = []
    record = recorder_of("zap", programs[0]).record(unmapping, _before("slot"))
    slots = zap.list.slots_used
    unmaps = list(_cut(record, load_library("zap", programs[0]), shape.ptes))
    unmap = _pieces(unmaps, programs[0], "unmap")
    if released:
        return _Traced(unmap, _release(released, programs[1], shape), slots)
    key = programs[1], shape, _gathered(zap)
    make = partial(_release, flush_and_release(zap), programs[1], shape)
    return _Traced(unmap, _releases.get(key, make), slots)


def _gathered(zap: ZapOperation) -> Hashable:
    """Return what decides how the list is released: all but the strategy that filled it."""
    entries = tuple((g.folio.first_pfn, g.references, g.page) for g in zap.list.entries)
    folios = {g.folio.first_pfn: g.folio for g in zap.list.entries}.values()
    counts = tuple((folio.order, folio.refcount, *folio.mapcount) for folio in folios)
    delayed = tuple((folio.first_pfn, page, count) for folio, page, count in zap.delayed)
    return entries, counts, delayed, zap.frees_large_alone


def _page_by_page(
    strategy: Strategy, zap: ZapOperation, vpns: range, released: list[Step | Uop]
) -> Steps:
    """Unmap with one call per page; what each releases at its end goes to ``released``."""
    for vpn in vpns:
        zap.limit(range(vpn, vpn + 1))
        yield from strategy.function(zap)
        released.extend(flush_and_release(zap))


def _full_lists(memory: Memory) -> PageLists:
    """Return the per-CPU lists in the middle of a large unmap: full of pages just like these."""
    folios = (Folio(f.order, f.first_pfn + _FREED_BEFORE) for f in memory.frames)
    return PageLists(folios)


def _before(event: str) -> Step:
    return Step(event, -1, -1, -1)


def _release(
    releasing: Iterable[Step | Uop], program: str, shape: TableShape
) -> tuple[_Piece, ...]:
    last = _before(_end_of_batch(shape))
    record = recorder_of("zap", program).record(releasing, last)
    library = load_library("zap", program)
    takes = _ends_with(record, library, "take")
    starts = np.flatnonzero(takes & ~np.append(False, takes[:-1]))
    parts = [(part, 0) for part in _split(record, library, starts.tolist())]
    return _pieces(parts, program, "release")


def _end_of_batch(shape: TableShape) -> str:
    """Return the event that a batch before the first of these would have ended with."""
    if shape.state == "exit":
        return "put"
    if min(shape.orders) <= LARGEST_SMALL_ORDER:
        return "buddy"
    return "commit" if max(shape.orders) in CACHED_ORDERS else "prepare"


def _cut(record: Record, library: Library, ptes: int) -> Iterator[_Part]:
    """Cut a table before every so-many-th entry, where a batch does not reach over it."""
    reads = np.flatnonzero(_ends_with(record, library, "read"))
    starts, slots = [0], [0]
    for index, slot in zip(reads.tolist(), record.contexts[reads, 0].tolist(), strict=True):
        if slot >= slots[-1] + _PIECE_PTES:
            starts.append(index)
            slots.append(slot)
    ends = [*slots[1:], ptes]
    for part, first, end in zip(_split(record, library, starts), slots, ends, strict=True):
        yield part, end - first


def _ends_with(record: Record, library: Library, event: str) -> NDArray[np.bool_]:
    """Tell which steps end with an event, bool[m]."""
    ends = np.array([name == event for name in library.path_events], np.bool_)
    return (record.paths >= 0) & ends[np.maximum(record.paths, 0)]


def _split(record: Record, library: Library, starts: list[int]) -> Iterator[Record]:
    """Cut a record before some steps; hand-written micro-ops get numbers of their piece."""
    rows = np.cumsum(np.append(0, record.lengths(library)))
    for start, end in pairwise([*starts, len(record.paths)]):
        piece = record.chosen(slice(start, end))
        by_hand = np.flatnonzero(piece.paths < 0)
        uops = (record.uops[-1 - path] for path in piece.paths[by_hand].tolist())
        paths = piece.paths.copy()
        paths[by_hand] = -1 - np.arange(len(by_hand))
        yield replace(piece, paths=paths, uops=tuple(_moved(uop, int(rows[start])) for uop in uops))


def _moved(uop: Uop, rows: int) -> Uop:
    """Return a hand-written micro-op as it is ``rows`` rows earlier; what lies before is done."""
    address, data = (
        tuple(Value(row - rows) for row in inputs if row >= rows)
        for inputs in (uop.address_inputs, uop.data_inputs)
    )
    return replace(uop, address_inputs=address, data_inputs=data)


def _pieces(parts: list[_Part], program: str, segment: str) -> tuple[_Piece, ...]:
    """Count parts that execute the same and trace the first of each."""
    counts: dict[tuple[int, bytes, bytes], int] = {}
    first: dict[tuple[int, bytes, bytes], _Part] = {}
    for record, ptes in parts:
        # Hand-written micro-ops stand in it by number.
        key = ptes, record.paths.tobytes(), record.masks.tobytes()
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, (record, ptes))
    return tuple(
        _Piece(_built(record, program, segment), counts[key], ptes)
        for key, (record, ptes) in first.items()
    )


def _built(record: Record, program: str, segment: str) -> Trace:
    return build(record, load_library("zap", program), "zap", segment)
