"""Where the folios of a page table lie in physical memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Final

from costmodel.config.frames import CONTIGUOUS, scatter_of
from costmodel.mm.pte import CONT_PTES
from costmodel.units import PAGE_BYTES

BASE_PFN: Final = (1 << 20) + (1 << 14)
"""First frame of a table: its struct pages lie in the middle of a 2 MiB block of the vmemmap, as
those of most tables do, not across the border of two."""
_HALF_BLOCK: Final = CONT_PTES // 2


def first_pfns_of(
    orders: Sequence[int], frames: str, span_pages: int, random: Random
) -> tuple[int, ...]:
    """Return the first frame number of each folio of a table, in the order of addresses.

    ``frames`` says how the folios lie (:mod:`costmodel.config.frames`); scattered ones lie in a
    region of ``span_pages`` pages. Every folio is aligned to its size.
    """
    scatter = scatter_of(frames)
    if scatter.share == 0:
        shift = _HALF_BLOCK if frames == CONTIGUOUS and max(orders) == 0 else 0
        starts = accumulate((1 << order for order in orders[:-1]), initial=BASE_PFN + shift)
        return tuple(starts)
    largest = max(orders)
    run_pages = (
        scatter.run_bytes or sum(1 << order for order in orders) * PAGE_BYTES
    ) // PAGE_BYTES
    lone: Sequence[int] = range(len(orders))
    if scatter.share < 1:
        lone = random.sample(lone, round(scatter.share * len(orders)))
    pieces = list(_pieces(orders, frozenset(lone), run_pages))
    units = [_units(piece, orders, largest) for piece in pieces]
    first_pfns = [0] * len(orders)
    for piece, unit in zip(pieces, _anywhere(units, span_pages >> largest, random), strict=True):
        pfn = BASE_PFN + (unit << largest)
        for folio in piece:
            size = 1 << orders[folio]
            pfn = -(-pfn // size) * size
            first_pfns[folio] = pfn
            pfn += size
    return tuple(first_pfns)


def _pieces(orders: Sequence[int], lone: frozenset[int], run_pages: int) -> Iterator[Sequence[int]]:
    """Yield the groups of folios that lie one behind the other: lone ones, and runs of the rest."""
    run: list[int] = []
    pages = 0
    for folio, order in enumerate(orders):
        if folio in lone:
            yield (folio,)
            continue
        if run and pages + (1 << order) > run_pages:
            yield tuple(run)
            run, pages = [], 0
        run.append(folio)
        pages += 1 << order
    if run:
        yield tuple(run)


def _units(piece: Sequence[int], orders: Sequence[int], largest: int) -> int:
    """Return how many places, each as large as the largest folio, a group takes, gaps included."""
    end = 0
    for folio in piece:
        size = 1 << orders[folio]
        end = (-(-end // size) + 1) * size
    return -(-end // (1 << largest))


def _anywhere(sizes: Sequence[int], places: int, random: Random) -> list[int]:
    """Return random beginnings for pieces of such sizes among ``places``, so that none overlap."""
    free = max(places - sum(sizes), 0)
    spots = random.sample(range(free + len(sizes)), len(sizes))
    larger = 0
    begins = [0] * len(sizes)
    for piece in sorted(range(len(sizes)), key=spots.__getitem__):
        begins[piece] = spots[piece] + larger
        larger += sizes[piece] - 1
    return begins
