"""Which data accesses miss the TLB: reuse distance in pages against the entries.

Page tables are reached through the linear map, whose block size the machine states; struct pages
through the vmemmap, which both architectures map with 2 MiB blocks. Stack, mm and VMAs stay hot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.byte_cache import kept
from costmodel.code.sequences import numbered
from costmodel.code.trace import VMEMMAP_BYTES, TableRun, Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.machine import Machine
from costmodel.cpu.caches import CYCLIC
from costmodel.cpu.columns import flags_of
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.reuse import Ints, touches
from costmodel.jit import compiled, inlined

_NEAR_PAGES = 16
_TABLES = flags_of((Target.SRC, Target.DST), Target)
_STRUCT_PAGES = flags_of((Target.PAGE, Target.TABLEPAGE, Target.BUDDY), Target)
_ZERO = int(Kind.ZERO)


@dataclass(frozen=True)
class Pages:
    """The page reuse of one trace."""

    kind: NDArray[np.int16]
    """int16[n], class of each micro-op; 0 always hits."""
    distances: tuple[float, ...]
    """By class: pages touched since the last touch."""
    table_pages: int
    """Blocks of the linear map that every execution touches anew."""
    struct_pages: int
    """Blocks of the vmemmap that the trace touches."""


def page_reuse(trace: Trace, linear_map_bytes: int) -> Pages:
    """Return the page reuse of a trace where the linear map has such blocks."""
    key = trace.token, "pages", linear_map_bytes
    return kept(key, lambda: _pages(trace, linear_map_bytes))


class Fresh(NamedTuple):
    """What evaluations ask for again and again, see :class:`Pages`."""

    distances: tuple[float, ...]
    table_pages: int
    struct_pages: int


def fresh_pages(trace: Trace, linear_map_bytes: int) -> Fresh:
    """Return the classes of a trace's page accesses and how many pages it touches anew."""
    key = trace.token, "fresh pages", linear_map_bytes

    def count() -> Fresh:
        found = page_reuse(trace, linear_map_bytes)
        return Fresh(found.distances, found.table_pages, found.struct_pages)

    return kept(key, count)


def _pages(trace: Trace, linear_map_bytes: int) -> Pages:
    row, block, in_table = _blocks(trace.kind, trace.target, trace.address, linear_map_bytes)
    number, first = numbered(block)
    fresh = np.zeros(len(row), np.bool_)
    fresh[first] = True
    # Struct pages of many tables lie in one block: the execution before met the same blocks.
    distance = np.where(fresh, float(len(first)), 0.0)
    if len(first) > _NEAR_PAGES:  # else all are near
        distance = np.where(fresh, distance, touches(row, number, _NEAR_PAGES).distance)
    distance[distance < _NEAR_PAGES] = 0.0
    distance[first[in_table[first]]] = CYCLIC
    far = np.flatnonzero(distance)
    kinds, first_far = numbered(distance[far].view(np.int64))
    kind = np.zeros(len(trace), np.int16)  # class 0: no memory, or hot
    kind[row[far]] = 1 + kinds
    tables = int(np.count_nonzero(in_table[first]))
    return Pages(
        kind=kind,
        distances=(0.0, *distance[far[first_far]].tolist()),
        table_pages=tables,
        struct_pages=len(first) - tables,
    )


@compiled
def _blocks(
    kind: NDArray[np.uint8], target: NDArray[np.uint8], address: Ints, linear_map_bytes: int
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return micro-op and block of each access to a page table or a struct page, and which it is.

    Blocks of different size do not share a number.
    """
    count = 0
    for i in range(len(kind)):
        count += int(_has_page(kind[i], target[i], address[i]))
    row = np.empty(count, np.int64)
    block = np.empty(count, np.int64)
    in_table = np.empty(count, np.bool_)
    at = 0
    for i in range(len(kind)):
        if not _has_page(kind[i], target[i], address[i]):
            continue
        table = _TABLES[target[i]]
        bytes_ = linear_map_bytes if table else VMEMMAP_BYTES
        row[at] = i
        in_table[at] = table
        block[at] = address[i] // bytes_ * 2 + (0 if table else 1)
        at += 1
    return row, block, in_table


@inlined
def _has_page(kind: int, target: int, address: int) -> bool:
    """Tell whether a micro-op accesses a page table or a struct page; clearing counts for none."""
    return bool((_TABLES[target] or _STRUCT_PAGES[target]) and address >= 0 and kind != _ZERO)


def footprint_pages(runs: Sequence[TableRun], linear_map_bytes: int) -> float:
    """Return the pages of one round through the workload; all tables share their struct pages."""
    each = [(run.count, fresh_pages(run.trace, linear_map_bytes)) for run in runs]
    tables = sum(count * page.table_pages for count, page in each)
    return float(tables + max((page.struct_pages for _, page in each), default=0))


def page_ticks(
    distances: tuple[float, ...], footprint: float, machine: Machine, parameters: Parameters
) -> Ints:
    """Return what each class adds to a load on a machine, int64[classes]."""
    dtlb = machine.caches.dtlb
    distance = np.array([footprint if d == CYCLIC else d for d in distances])
    missed = np.where(distance < dtlb.l2_entries.value, parameters.tlb_l2, parameters.tlb_walk)
    return np.where(distance < dtlb.l1_entries.value, 0, missed).astype(np.int64)
