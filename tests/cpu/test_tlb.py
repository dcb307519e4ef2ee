"""Which accesses miss the TLB."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from costmodel.code.regions import VMEMMAP_BYTES
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.cpu.caches import CYCLIC
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.tlb import (
    ANYWHERE,
    Blocks,
    Fresh,
    blocks_of,
    footprint_pages,
    fresh_pages,
    page_reuse,
    page_ticks,
)

from .build import ALTRA, REGION_BYTES, alu, load, trace_of

PAGE_BYTES = 4096
BLOCKS = Blocks(PAGE_BYTES, VMEMMAP_BYTES)
STRUCT_PAGE_BYTES = 64


def struct_pages(blocks: int, rounds: int = 2) -> Trace:
    """Touch so many blocks of the vmemmap, one after the other, again and again."""
    offsets = [block * VMEMMAP_BYTES for block in range(blocks)]
    return trace_of([load(offset, target=Target.PAGE) for offset in offsets * rounds])


def test_a_page_table_is_new_to_every_execution_and_its_struct_pages_are_not() -> None:
    trace = trace_of([load(0, target=Target.SRC), load(0, target=Target.PAGE), load(8)])
    found = page_reuse(trace, BLOCKS)
    assert [found.distances[kind] for kind in found.kind] == [CYCLIC, 0.0, 0.0]
    assert footprint_pages([TableRun(trace, 512, 512)], BLOCKS) == 512 + 1


@pytest.mark.parametrize(
    ("blocks", "distances"),
    [(15, {0.0}), (16, {0.0, 16.0}), (17, {16.0, 17.0}), (40, {39.0, 40.0})],
)
def test_many_blocks_of_struct_pages_are_as_far_away_as_they_are_many(
    blocks: int, distances: set[float]
) -> None:
    found = page_reuse(struct_pages(blocks), BLOCKS)
    assert {found.distances[kind] for kind in found.kind} == distances


def test_what_misses_costs_more_the_farther_away_it_is() -> None:
    parameters = parameters_of(ALTRA)
    levels = (0.0, 100.0, 1e6, CYCLIC)
    fresh = Fresh(levels, 1, 1, 1, 0)
    near, second, walk, cyclic = page_ticks(fresh, 1e6, ALTRA, parameters).tolist()
    assert near == 0 < second < walk == cyclic


def test_entries_hold_as_many_pages_as_they_are() -> None:
    """A page comes back when as many others as there are entries were met: it is gone."""
    on = ALTRA.with_values({"caches.dtlb.l1_entries": 48, "caches.dtlb.l2_entries": 1280})
    distances = (0.0, 47.0, 48.0, 1279.0, 1280.0)
    ticks = page_ticks(Fresh(distances, 0, 0, 0, 0), 0.0, on, parameters_of(on)).tolist()
    second, walk = parameters_of(on).tlb_l2, parameters_of(on).tlb_walk
    assert ticks == [0, 0, second, second, walk]


@pytest.mark.parametrize(
    ("spanned", "second", "walk"), [(32, 0, 0), (64, 1 / 2, 0), (128, 1 / 4, 1 / 2)]
)
def test_a_block_anywhere_is_held_as_likely_as_entries_cover_the_span(
    spanned: int, second: float, walk: float
) -> None:
    """Of 32 entries and 64 in all."""
    on = ALTRA.with_values({"caches.dtlb.l1_entries": 32, "caches.dtlb.l2_entries": 64})
    parameters = parameters_of(on)
    (ticks,) = page_ticks(Fresh((ANYWHERE,), 0, 1, spanned, 0), 0.0, on, parameters).tolist()
    assert ticks == round(second * parameters.tlb_l2 + walk * parameters.tlb_walk)


def test_larger_blocks_of_the_linear_map_hold_more_page_tables() -> None:
    trace = trace_of([load(table * PAGE_BYTES, target=Target.SRC) for table in range(32)])
    assert fresh_pages(trace, BLOCKS).table_pages == 32
    assert fresh_pages(trace, Blocks(2 << 20, VMEMMAP_BYTES)).table_pages == 1


def scattered(spanned: int, touched: int = 512) -> Trace:
    """Touch struct pages anywhere in so many blocks of the vmemmap, each once."""
    blocks = np.random.default_rng(1).integers(0, spanned, touched)
    offsets = [0, (spanned - 1) * VMEMMAP_BYTES, *(int(block) * VMEMMAP_BYTES for block in blocks)]
    return trace_of([load(offset, target=Target.PAGE) for offset in offsets])


def cost(trace: Trace) -> float:
    """Return what the TLB adds to an access of a trace on average, in ticks."""
    found = page_reuse(trace, BLOCKS)
    by_class = page_ticks(fresh_pages(trace, BLOCKS), 1.0, ALTRA, parameters_of(ALTRA))
    return float(by_class[found.kind].mean())


@pytest.mark.parametrize(
    ("first", "last", "spanned"), [(0, 0, 1), (0, 1, 2), (0, 127, 128), (3, 130, 128)]
)
def test_blocks_are_counted_from_the_first_to_the_last_with_a_mapped_page(
    first: int, last: int, spanned: int
) -> None:
    """Whatever lies outside of page tables and of their own struct pages does not matter."""
    uops = [load(block * VMEMMAP_BYTES, target=Target.PAGE) for block in (first, last)]
    others = [load(500 * VMEMMAP_BYTES, target=Target.TABLEPAGE), load(0, target=Target.SRC)]
    found = fresh_pages(trace_of([*uops, *others]), BLOCKS)
    assert found.spanned == spanned
    assert found.struct_pages == 1 + (1 if first == last else 2)
    assert found.table_pages == 1
    assert fresh_pages(trace_of(others), BLOCKS).spanned == 0


@pytest.mark.parametrize(("spanned", "anywhere"), [(16, False), (17, True), (40, True)])
def test_more_blocks_than_are_near_lie_anywhere_where_not_all_are_met(
    spanned: int, anywhere: bool
) -> None:
    found = fresh_pages(scattered(spanned, 3), BLOCKS)
    assert (ANYWHERE in found.distances) == anywhere
    assert ANYWHERE not in fresh_pages(struct_pages(spanned), BLOCKS).distances


def test_struct_pages_outside_of_a_table_are_shared_by_the_tables_that_meet_most() -> None:
    """Three blocks of one kind of table and one of another: a round meets three, and the tables."""
    three, one = (
        trace_of([load(0, target=Target.SRC), *(load(block * VMEMMAP_BYTES, target=Target.PAGE)
                  for block in range(blocks))])
        for blocks in (3, 1)
    )  # fmt: skip
    assert footprint_pages([TableRun(three, 5, 512), TableRun(one, 7, 512)], BLOCKS) == 5 + 7 + 3
    assert footprint_pages([], BLOCKS) == 0


@pytest.mark.parametrize("number", [1, 2])
def test_blocks_of_different_size_are_never_one(number: int) -> None:
    """The table lies in the first or second of its blocks, the struct page in the first."""
    trace = trace_of([load(0, target=Target.SRC), load(0, target=Target.PAGE)])
    found = fresh_pages(trace, Blocks(REGION_BYTES // number, 3 * REGION_BYTES))
    assert (found.table_pages, found.struct_pages) == (1, 1)


@pytest.mark.parametrize(("kib", "blocks"), [(16, 2 * 512), (32, 512), (64, 1)])
def test_a_table_has_blocks_of_its_own_where_they_hold_no_more_than_its_struct_pages(
    kib: int, blocks: int
) -> None:
    """The 512 struct pages of a table are 32 KiB."""
    table = trace_of([load(page * STRUCT_PAGE_BYTES, target=Target.PAGE) for page in range(512)])
    run = TableRun(table, 512, 512)
    assert footprint_pages([run], Blocks(PAGE_BYTES, kib << 10)) == blocks


def test_clearing_and_hot_memory_need_no_entry() -> None:
    zero = Uop(Kind.ZERO, Subkind.ZERO_LINE, target=Target.SRC, size_bytes=64)
    found = fresh_pages(trace_of([zero, load(0), load(0, target=Target.MM), alu()]), BLOCKS)
    assert (found.table_pages, found.struct_pages, found.distances) == (0, 0, (0.0,))


def test_struct_pages_over_more_memory_leave_the_tlb_without_a_cliff() -> None:
    """A block of the vmemmap describes 128 MiB: 1 GiB, 16 GiB, 128 GiB, 1 TiB."""
    few, some, many, most = (cost(scattered(blocks)) for blocks in (8, 128, 1024, 8192))
    walk = parameters_of(ALTRA).tlb_walk
    assert few == 0 < some < many < most <= walk
    assert most > 0.8 * walk
    costs = [cost(scattered(blocks)) for blocks in (1200, 1270, 1290, 1360)]
    assert max(b - a for a, b in pairwise(costs)) < 0.1 * walk


def test_random_blocks_hit_as_often_as_simulated() -> None:
    """Against a simulated TLB with LRU replacement, over many tables."""
    entries, spanned = ALTRA.caches.dtlb.l1_entries.value, 128
    random, held, hits = np.random.default_rng(2), list[int](), 0
    for block in random.integers(0, spanned, 20_000).tolist():
        hits += block in held
        held = [block, *(other for other in held if other != block)][:entries]
    second = parameters_of(ALTRA).tlb_l2
    assert cost(scattered(spanned)) == pytest.approx(second * (1 - hits / 20_000), rel=0.05)


def test_a_guest_reaches_no_more_with_one_translation_than_its_host_maps() -> None:
    guest = ALTRA.with_value("kernel.host_page_bytes", PAGE_BYTES)
    assert blocks_of(ALTRA) == BLOCKS
    assert blocks_of(guest) == Blocks(PAGE_BYTES, PAGE_BYTES)
    table = trace_of([load(page * STRUCT_PAGE_BYTES, target=Target.PAGE) for page in range(512)])
    assert footprint_pages([TableRun(table, 512, 512)], blocks_of(ALTRA)) == 1
    assert footprint_pages([TableRun(table, 512, 512)], blocks_of(guest)) == 512 * 8
    assert ANYWHERE not in fresh_pages(table, blocks_of(guest)).distances
