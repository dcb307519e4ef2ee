"""Which accesses miss the TLB."""

from __future__ import annotations

import pytest

from costmodel.code.trace import VMEMMAP_BYTES, TableRun, Trace
from costmodel.code.uops import Target
from costmodel.cpu.caches import CYCLIC
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.tlb import footprint_pages, fresh_pages, page_reuse, page_ticks

from .build import ALTRA, load, trace_of

PAGE_BYTES = 4096


def struct_pages(blocks: int, rounds: int = 2) -> Trace:
    """Touch so many blocks of the vmemmap, one after the other, again and again."""
    offsets = [block * VMEMMAP_BYTES for block in range(blocks)]
    return trace_of([load(offset, target=Target.PAGE) for offset in offsets * rounds])


def test_a_page_table_is_new_to_every_execution_and_its_struct_pages_are_not() -> None:
    trace = trace_of([load(0, target=Target.SRC), load(0, target=Target.PAGE), load(8)])
    found = page_reuse(trace, PAGE_BYTES)
    assert [found.distances[kind] for kind in found.kind] == [CYCLIC, 0.0, 0.0]
    assert footprint_pages([TableRun(trace, 512, 512)], PAGE_BYTES) == 512 + 1


@pytest.mark.parametrize(("blocks", "distances"), [(15, {0.0}), (40, {39.0, 40.0})])
def test_many_blocks_of_struct_pages_are_as_far_away_as_they_are_many(
    blocks: int, distances: set[float]
) -> None:
    found = page_reuse(struct_pages(blocks), PAGE_BYTES)
    assert {found.distances[kind] for kind in found.kind} == distances


def test_what_misses_costs_more_the_farther_away_it_is() -> None:
    parameters = parameters_of(ALTRA)
    levels = (0.0, 100.0, 1e6, CYCLIC)
    near, second, walk, cyclic = page_ticks(levels, 1e6, ALTRA, parameters).tolist()
    assert near == 0 < second < walk == cyclic


def test_larger_blocks_of_the_linear_map_hold_more_page_tables() -> None:
    trace = trace_of([load(table * PAGE_BYTES, target=Target.SRC) for table in range(32)])
    assert fresh_pages(trace, PAGE_BYTES).table_pages == 32
    assert fresh_pages(trace, 2 << 20).table_pages == 1
