"""Unmap loops that batch by folio, as merged in v6.9.

A batch is scanned for, emptied, uncounted by one call, and put on the gather list in two slots.
``contpte-arch-batch`` is v4's ``clear_ptes()``, which empties the rest of a contiguous block at
once: nothing is unfolded for that, but the mappings are still uncounted, and the pages put on the
gather list, one by one. Slots of the list are reserved first: a block that reaches the end of a
list page is split there, and unfolds.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

from costmodel.code.events import Step
from costmodel.code.uops import Subkind, Target, Uop, Value, alu, branch, rmw
from costmodel.mm.pte import CONT, CONT_PTES, DIRTY, SOFT_DIRTY, WRITE, YOUNG
from costmodel.mm.struct_page import NR_PAGES_MAPPED, STRUCT_PAGE_BYTES
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan, scan
from costmodel.operations.zap import loop
from costmodel.operations.zap.mm import ZapOperation, ZapTable

_IGNORED = DIRTY | YOUNG | SOFT_DIRTY | WRITE


@dataclass(frozen=True)
class UnmapBatching(Scan):
    """What distinguishes the batching unmap loops: the choices of their scan, and three more.

    ``counts_large``: ``_large_mapcount`` is kept up to date, as from v6.10 on. ``counts_pages``:
    ``_nr_pages_mapped`` is lowered page by page; from v6.12 on it is once per batch. ``collects``:
    the access and dirty bits of all entries are collected, which file folios need.
    """

    always_ignored: int = _IGNORED
    counts_large: bool = False
    counts_pages: bool = False
    collects: bool = True


def unmap_batched(zap: ZapOperation, how: UnmapBatching) -> Steps:
    """Unmap all page tables batch by batch; pages of order-0 folios are unmapped one by one."""
    zap.list.reserve = loop.BATCH
    zap.count_page = _count_page if how.counts_pages else None
    return loop.unmap_tables(zap, partial(_unmap_from, how), gathers=how.gathers)


def _unmap_from(how: UnmapBatching, zap: ZapOperation, table: ZapTable, entry: Entry) -> Counted:
    folio = entry.folio
    assert folio is not None
    count = 1
    if folio.order:
        count = yield from scan(table, entry, how)
    if how.collects:
        entry.pte = table.src.ptep_get(entry.slot)
    if zap.contpte:
        yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from loop.clear(table, entry, count, collects=how.collects)
    yield from loop.remove_rmap(zap, entry, count, counts_large=how.counts_large)
    loop.account(zap, entry, count)
    slots = loop.BATCH if count > 1 else loop.ONE
    yield from loop.put_on_list(zap, entry, count, count - 1, slots)
    return count


def _count_page(step: Step) -> Generator[Uop, Value, None]:
    """Lower ``_nr_pages_mapped`` of a large folio, and check whether it is mapped as a whole."""
    mapped = yield rmw(
        Target.PAGE,
        STRUCT_PAGE_BYTES * (step.head + 1) + NR_PAGES_MAPPED,
        size_bytes=4,
        subkind=Subkind.RMW_VALUE,
    )
    left = yield alu(mapped)
    yield branch("entirely mapped", left, taken=True)


def v6_9(zap: ZapOperation) -> Steps:
    """Unmap as posted for v6.9."""
    return unmap_batched(zap, UnmapBatching(looks_past_folio=True, counts_pages=True))


def v6_12(zap: ZapOperation) -> Steps:
    """Unmap as v6.12: the scan is clamped to the folio, ``_large_mapcount`` is kept."""
    return unmap_batched(zap, UnmapBatching(counts_large=True))


def v7_2(zap: ZapOperation) -> Steps:
    """Unmap as v7.2: a large folio keeps who maps it, behind a lock around its mapcount.

    Under that lock plain stores change ``_large_mapcount``. They are part of the recorded steps
    around them, so ``counts_large``, which stands for an atomic, is not set.
    """
    return unmap_batched(zap, UnmapBatching())


def contpte_v6_9(zap: ZapOperation) -> Steps:
    """Unmap as v6.9 with contiguous blocks: the scan steps over whole blocks."""
    how = UnmapBatching(looks_past_folio=True, counts_pages=True, gathers=True, hints=True)
    return unmap_batched(zap, how)


def contpte_v6_12(zap: ZapOperation) -> Steps:
    """Unmap as v6.12 with contiguous blocks."""
    return unmap_batched(zap, UnmapBatching(counts_large=True, gathers=True, hints=True))


def contpte_v7_2(zap: ZapOperation) -> Steps:
    """Unmap as v7.2 with contiguous blocks."""
    return unmap_batched(zap, UnmapBatching(gathers=True, hints=True))


def contpte_no_hint(zap: ZapOperation) -> Steps:
    """Unmap with ``ptep_get()`` on every entry of the scan: 16 x 16 reads per block."""
    return unmap_batched(zap, UnmapBatching(counts_large=True, gathers=True))


def contpte_noyoungdirty(zap: ZapOperation) -> Steps:
    """Unmap with ``ptep_get_noyoungdirty()``: access and dirty bits are not read, and are lost."""
    return unmap_batched(zap, UnmapBatching(counts_large=True, collects=False))


def unmap_block_batched(zap: ZapOperation) -> Steps:
    """Unmap the rest of a contiguous block at once, and other entries one by one."""
    return loop.unmap_tables(zap, unmap_block, gathers=True)


def unmap_block(zap: ZapOperation, table: ZapTable, entry: Entry) -> Counted:
    """Unmap as much of a block as lies in the table and has slots in the list page."""
    count = 1
    if entry.pte & CONT:
        rest = CONT_PTES - entry.slot % CONT_PTES
        count = min(rest, table.end - entry.slot, zap.list.slots_left)
        entry.pte = table.src.ptep_get(entry.slot)
        yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from loop.clear(table, entry, count)
    loop.account(zap, entry, count)
    for ahead in range(count):
        yield from loop.remove_rmap(zap, entry, 1, ahead)
        yield from loop.put_on_list(zap, entry, 1, ahead, loop.ONE)
    return count
