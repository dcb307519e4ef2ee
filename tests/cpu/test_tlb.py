"""Which accesses miss the TLB."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from costmodel.code.regions import VMEMMAP_BYTES
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Target
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

from .build import ALTRA, load, trace_of

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


@pytest.mark.parametrize(("blocks", "distances"), [(15, {0.0}), (40, {39.0, 40.0})])
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
