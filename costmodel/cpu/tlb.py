"""Decides which data accesses miss the TLB: reuse distance in pages against the number of entries.

Page tables are reached through the linear map, whose block size the machine file states, struct
pages through the vmemmap, which both architectures map by blocks of 2 MiB. In a guest, a
translation covers no more than a page of the host. Stack, mm and VMAs are assumed to be always in
the TLB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.regions import OF_FRAMES, REACHED, TABLE_STRUCT_BYTES, VMEMMAP_BYTES, Reached
from costmodel.code.sequences import numbered
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind
from costmodel.config.machine import Machine
from costmodel.cpu.caches import CYCLIC
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.reuse import touches
from costmodel.disk_cache import kept, kept_on_disk
from costmodel.jit import compiled, inlined

ANYWHERE = -3.0
"""Stands for the distance of a block where frames are scattered: it is met as often as any other
block in their span."""
_NEAR_PAGES = 16
_ZERO, _HOT, _LINEAR_MAP = int(Kind.ZERO), int(Reached.HOT), int(Reached.LINEAR_MAP)


@dataclass(frozen=True)
class Pages:
    """The reuse of translations by a trace."""

    kind: NDArray[np.int16]
    """The class of each micro-op, int16[n]; class 0 always hits."""
    distances: tuple[float, ...]
    """For each class, the number of pages touched since the last touch."""
    table_pages: int
    """How many blocks of the linear map every execution touches anew."""
    struct_pages: int
    """How many blocks of the vmemmap the trace touches."""
    spanned: int
    """How many blocks of the vmemmap lie between the first and the last page that is mapped."""
    new_struct_pages: int
    """How many of ``struct_pages`` the execution of no other table touches."""


class Blocks(NamedTuple):
    """How many bytes one translation covers on a machine."""

    tables: int
    """For page tables, which are reached through the linear map."""
    struct_pages: int
    """For struct pages, which are reached through the vmemmap."""


def blocks_of(machine: Machine) -> Blocks:
    """Return how many bytes one translation covers on a machine: at most a page of the host."""
    host = machine.kernel.host_page_bytes.value
    return Blocks(min(machine.kernel.linear_map_bytes.value, host), min(VMEMMAP_BYTES, host))


def page_reuse(trace: Trace, blocks: Blocks) -> Pages:
    """Return the page reuse of a trace on machines whose translations cover ``blocks``."""
    return kept((trace.token, "pages", blocks), lambda: _pages(trace, blocks))


class Fresh(NamedTuple):
    """The parts of :class:`Pages` that every evaluation needs."""

    distances: tuple[float, ...]
    table_pages: int
    struct_pages: int
    spanned: int
    new_struct_pages: int


def fresh_pages(trace: Trace, blocks: Blocks) -> Fresh:
    """Return the distances of a trace's page classes, and how many pages it touches anew."""

    def count() -> Fresh:
        found = page_reuse(trace, blocks)
        return Fresh(
            found.distances, found.table_pages, found.struct_pages, found.spanned,
            found.new_struct_pages,
        )  # fmt: skip

    return kept_on_disk((trace.token, "fresh pages", blocks), count)


def _pages(trace: Trace, blocks: Blocks) -> Pages:
    row, block, in_table = _touched_blocks(
        trace.kind, REACHED[trace.target], trace.address, *blocks
    )
    number, first = numbered(block)
    of_frames = first[OF_FRAMES[trace.target[row[first]]]]
    spanned = int(np.ptp(block[of_frames])) // 2 + 1 if len(of_frames) else 0
    fresh = np.zeros(len(row), np.bool_)
    fresh[first] = True
    # Struct pages of many tables lie in one block: the execution before met the same blocks.
    distance = np.where(fresh, float(len(first)), 0.0)
    if len(first) > _NEAR_PAGES:  # else all are near
        distance = np.where(fresh, distance, touches(row, number, _NEAR_PAGES).distance)
    distance[distance < _NEAR_PAGES] = 0.0
    # A table has its own blocks where one holds no more struct pages than it maps.
    own = blocks.struct_pages <= TABLE_STRUCT_BYTES
    if spanned > max(len(of_frames), _NEAR_PAGES):
        distance[of_frames] = ANYWHERE
        own = False
    distance[first[in_table[first] | own]] = CYCLIC
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
        spanned=spanned,
        new_struct_pages=len(first) - tables if own else 0,
    )


@compiled
def _touched_blocks(
    kind: NDArray[np.uint8],
    reached: NDArray[np.uint8],
    address: Ints,
    table_bytes: int,
    struct_bytes: int,
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return micro-op and block of each access to a page table or struct page, and which it is.

    Blocks of different sizes have different numbers.
    """
    count = 0
    for i in range(len(kind)):
        count += int(_has_page(kind[i], reached[i], address[i]))
    row = np.empty(count, np.int64)
    block = np.empty(count, np.int64)
    in_table = np.empty(count, np.bool_)
    at = 0
    for i in range(len(kind)):
        if not _has_page(kind[i], reached[i], address[i]):
            continue
        table = reached[i] == _LINEAR_MAP
        bytes_ = table_bytes if table else struct_bytes
        row[at] = i
        in_table[at] = table
        block[at] = address[i] // bytes_ * 2 + (0 if table else 1)
        at += 1
    return row, block, in_table


@inlined
def _has_page(kind: int, reached: int, address: int) -> bool:
    """Tell whether a micro-op accesses a page table or a struct page, without clearing it."""
    return bool(reached != _HOT and address >= 0 and kind != _ZERO)


def footprint_pages(runs: Sequence[TableRun], blocks: Blocks) -> float:
    """Return how many pages one round through the workload touches; tables share large blocks."""
    each = [(run.count, fresh_pages(run.trace, blocks)) for run in runs]
    new = sum(count * (page.table_pages + page.new_struct_pages) for count, page in each)
    shared = (page.struct_pages - page.new_struct_pages for _, page in each)
    return float(new + max(shared, default=0))


def page_ticks(fresh: Fresh, footprint: float, machine: Machine, parameters: Parameters) -> Ints:
    """Return the ticks that each class adds to a load on a machine, int64[classes]."""
    dtlb = machine.caches.dtlb
    entries = np.array([dtlb.l1_entries.value, dtlb.l2_entries.value])
    distance = np.array([footprint if d == CYCLIC else d for d in fresh.distances])
    missed = np.where(distance < entries[1], parameters.tlb_l2, parameters.tlb_walk)
    ticks = np.where(distance < entries[0], 0, missed).astype(np.int64)
    # Of blocks met at random, the next one that this table did not meet yet may have been met at
    # any distance between those that it met and all.
    met = np.arange(max(fresh.struct_pages, 1))[:, np.newaxis]
    first, second = np.clip((entries - met) / np.maximum(fresh.spanned - met, 1), 0, 1).mean(axis=0)
    anywhere = (second - first) * parameters.tlb_l2 + (1 - second) * parameters.tlb_walk
    ticks[[d == ANYWHERE for d in fresh.distances]] = round(anywhere)
    return ticks
