"""Large address spaces as a few distinct page tables, each with the number of times it occurs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from costmodel.config.frames import CONTIGUOUS, scatter_of
from costmodel.mm.address_space import AddressSpace, Rss, Vma, VmaKind
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.frames import first_pfns_of
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    HUGE,
    PFN_STEP,
    PRESENT,
    TABLE_PTES,
    UFFD_WP,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.state import PteState
from costmodel.units import LARGEST_ORDER, PAGE_BYTES

FRESH: Final = PteState("fresh", "freshly written")
"""The state of pages that one process has written and no operation has touched."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """A page table that occurs ``count`` times.

    ``orders`` and ``first_pfns`` give the order and the first frame of each of its folios, in the
    order of addresses. ``contpte``: its entries have contiguous bits where they may. ``empty``
    entries behind the folios map nothing.
    """

    count: int
    orders: tuple[int, ...]
    first_pfns: tuple[int, ...]
    state: PteState
    contpte: bool
    pmd: bool = False
    """There is no table: one entry of the level above maps its only folio."""
    empty: int = 0

    @property
    def pages(self) -> int:
        """The number of pages that it maps."""
        return _pages(self.orders)

    @property
    def ptes(self) -> int:
        """The number of entries of its mapping, at most 512; those that a PMD stands for."""
        return self.pages + self.empty

    @property
    def empty_slots(self) -> range:
        """The entries of its mapping that map nothing."""
        return range(self.pages, self.ptes)

    def build(self) -> Memory:
        """Return a new process that has only this table, in its state."""
        if self.pmd:
            return self._by_pmd()
        state = self.state
        kind = VmaKind.ANONYMOUS
        if state.shared or state.file:
            kind = VmaKind.SHARED if state.shared else VmaKind.PRIVATE_FILE
        vma = Vma(
            0, self.ptes, kind, writable=not state.protected, write_protects=state.write_protects
        )
        space = AddressSpace([vma])
        frames = FrameTable()
        slots = space.pmds.ensure(0)
        alone, times, anon = state.alone, state.mapped_by, kind is VmaKind.ANONYMOUS
        flags = PRESENT | YOUNG | (0 if state.file else DIRTY)
        if state.write_protects is False:
            flags |= UFFD_WP
        elif state.shared or (alone and anon):
            flags |= 0 if state.protected else WRITE
        slot = 0
        for order, first_pfn in zip(self.orders, self.first_pfns, strict=True):
            exclusive = alone and anon
            new = Folio(order, first_pfn, anon=anon, mapped=times, exclusive=exclusive)
            folio = frames.add(new)
            if not anon:
                folio.refcount += folio.pages  # those of the page cache
            cont = CONT if self.contpte and folio.pages >= CONT_PTES else 0
            end, pte = slot + folio.pages, make_pte(first_pfn, flags | cont)
            slots[slot:end] = range(pte, pte + folio.pages * PFN_STEP, PFN_STEP)
            slot = end
        space.rss[Rss.ANON if anon else Rss.FILE] = slot
        return Memory(space, frames)

    def _by_pmd(self) -> Memory:
        """Return a process whose only folio a PMD maps: one reference for each mapping of it."""
        (order,), (first_pfn,), state = self.orders, self.first_pfns, self.state
        folio = Folio(order, first_pfn)
        folio.map_whole(state.mapped_by)
        folio.exclusive[0] = state.alone
        frames = FrameTable()
        frames.add(folio)
        space = AddressSpace([Vma(0, folio.pages, writable=not state.protected)])
        flags = PRESENT | YOUNG | DIRTY | HUGE
        if state.alone and not state.protected:
            flags |= WRITE
        space.map_whole(0, make_pte(first_pfn, flags))
        space.rss[Rss.ANON] = folio.pages
        return Memory(space, frames)


@dataclass(frozen=True, slots=True)
class ShapedSpace:
    """An address space of any size, as its distinct page tables."""

    shapes: tuple[TableShape, ...]

    @property
    def ptes(self) -> int:
        """The number of entries of the mapping in all tables."""
        return sum(shape.count * shape.ptes for shape in self.shapes)

    @property
    def pages(self) -> int:
        """The number of pages that all tables map."""
        return sum(shape.count * shape.pages for shape in self.shapes)

    def in_state(self, state: PteState) -> ShapedSpace:
        """Return the same tables in another state."""
        return ShapedSpace(tuple(replace(shape, state=state) for shape in self.shapes))

    def mapped_by(self, *, pmd: bool) -> ShapedSpace:
        """Return what PMDs map, or what tables do."""
        return ShapedSpace(tuple(shape for shape in self.shapes if shape.pmd == pmd))


def homogeneous(
    memory_bytes: int,
    folio_orders: Mapping[int, float],
    *,
    frames: str = CONTIGUOUS,
    over_bytes: int = 0,
    state: PteState = FRESH,
    contpte: bool = False,
    pmd: bool = False,
    holes: float = 0.0,
    seed: int = 0,
) -> ShapedSpace:
    """Return an address space of ``memory_bytes``, made of folios in the given shares of it.

    ``folio_orders`` maps orders (0 to 9) to shares, which sum to 1. A table holds several orders in
    random order, except order-9 folios, each of which fills one. With ``frames="contiguous"``
    frames ascend with addresses, and single pages have another place in their blocks of 16 than
    their entries; with ``"aligned"`` they have the same place. ``"scattered"`` puts each folio
    anywhere in a region of ``over_bytes``, which is at least as large as the memory. A part of the
    memory can be scattered, see :mod:`costmodel.config.frames`. The result has at most four tables
    where there are no holes: one of order 9, two mixtures of the other orders, and one that is
    partly used.
    With ``pmd``, order-9 folios are mapped by PMDs and not by a table each. ``holes`` is the share
    of the memory that was never touched: entries behind the folios of each table are empty. A table
    without a folio does not exist. Folios larger than what a table maps fill tables of their own.

    Raises ValueError for a size that is no multiple of 4096, unknown orders, shares that do not sum
    to 1, and unknown ``frames``.
    """
    _check_arguments(memory_bytes, folio_orders, frames)
    total_pages = memory_bytes // PAGE_BYTES
    random = Random(f"{seed}/{sorted(folio_orders.items())}/{frames}")
    span = max(round(total_pages * (1 - holes)), over_bytes // PAGE_BYTES)
    kinds = list(_kinds(total_pages, folio_orders, holes, random))
    return ShapedSpace(
        tuple(
            TableShape(
                count,
                orders,
                first_pfns_of(orders, frames, span, random),
                state,
                contpte,
                pmd and orders == (LARGEST_ORDER,),
                size - _pages(orders),
            )
            for count, orders, size in kinds
        )
    )


_Kind = tuple[int, tuple[int, ...], int]
"""How many tables are alike, the orders of the folios of each, and its number of entries."""


def _kinds(
    total_pages: int, folio_orders: Mapping[int, float], holes: float, random: Random
) -> Iterator[_Kind]:
    """Yield the tables of a mapping: full ones, then mixtures, then one that ends it."""
    tables, rest = divmod(total_pages, TABLE_PTES)
    there = tables * (1 - holes)
    full, small = _full_tables(tables, there, folio_orders)
    for order, count in full.items():
        yield count, (order,) * (TABLE_PTES >> order), TABLE_PTES
    whole = sum(full.values())
    unit = 1 << min(small, default=0)
    for count, pages in _filled(tables - whole, (there - whole) * TABLE_PTES, unit, TABLE_PTES):
        mixed = _interleaved(count, pages, small, random) if small else []
        for number, orders in mixed:
            yield number, orders, TABLE_PTES
    if rest:
        ((_, pages), *_) = _filled(1, rest * (1 - holes), unit, rest)
        yield 1, _fill(pages, _quotas(pages, small or {0: 1.0}, math.floor), random), rest


def _full_tables(
    tables: int, there: float, folio_orders: Mapping[int, float]
) -> tuple[dict[int, int], dict[int, float]]:
    """Return how many tables folios of one order fill, by order, and the shares of other orders.

    Those are order 9, and folios that a table with its holes has no room for. ``there``: how many
    of the tables' pages are there, in tables.
    """
    small = {
        order: share for order, share in folio_orders.items() if order < LARGEST_ORDER and share
    }
    whole = round(there * (folio_orders.get(LARGEST_ORDER, 0.0) if small else 1.0))
    full = {LARGEST_ORDER: whole}
    while len(small) > 1 and (there - whole) * TABLE_PTES < (tables - whole) << max(small):
        order, share = max(small.items())
        full[order] = min(round(there * share), tables - whole)
        whole += full[order]
        del small[order]
    return {order: count for order, count in full.items() if count}, small


def _check_arguments(memory_bytes: int, folio_orders: Mapping[int, float], frames: str) -> None:
    if memory_bytes < PAGE_BYTES or memory_bytes % PAGE_BYTES:
        raise ValueError(f"'memory_bytes' must be a multiple of 4096 (got {memory_bytes!r})")
    wrong = [order for order in folio_orders if not 0 <= order <= LARGEST_ORDER]
    if wrong:
        raise ValueError(f"'folio_orders' must be orders 0 to 9 (got {wrong[0]!r})")
    if not math.isclose(sum(folio_orders.values()), 1.0, abs_tol=1e-6):
        raise ValueError(f"'folio_orders' must sum to 1 (got {dict(folio_orders)!r})")
    scatter_of(frames)


def _filled(tables: int, pages: float, unit: int, size: int) -> list[tuple[int, int]]:
    """Return how many tables of ``size`` entries map how many of ``pages`` pages: one or two kinds.

    All map about as many, at least ``unit``. Where that is too much there are fewer tables.
    """
    each = pages / tables if tables else 0.0
    if each >= size - 1e-6:
        return [(tables, size)]
    if each < unit:
        number = max(round(pages / unit), 1) if tables else 0
        return [(number, min(unit, size))] if number else []
    fewer = int(each / unit) * unit
    more = round((pages - tables * fewer) / unit)
    kinds = (tables - more, fewer), (more, min(fewer + unit, size))
    return [(count, pages) for count, pages in kinds if count]


def _interleaved(
    tables: int, pages: int, shares: Mapping[int, float], random: Random
) -> list[tuple[int, tuple[int, ...]]]:
    """Return one or two tables of ``pages`` pages in mixed orders below 9, each with its count.

    Where the largest order's share is no whole number of folios per table, the two tables hold one
    folio more and one less, in the proportion that meets the share. Shares of the other orders are
    met to half a folio per table; the smallest order gets the rest.
    """
    largest = max(shares)
    per_table = shares[largest] / sum(shares.values()) * pages / (1 << largest)
    more = round(tables * (per_table - math.floor(per_table + 1e-9)))
    if not more and len(shares) > 1:
        more = tables // 2
    parts = ((tables - more, math.floor), (more, math.ceil))
    return [
        (count, _fill(pages, _quotas(pages, shares, rounding), random))
        for count, rounding in parts
        if count
    ]


def _quotas(
    pages: int, shares: Mapping[int, float], rounding: Callable[[float], int]
) -> dict[int, int]:
    """Return how many folios of each order a table of ``pages`` gets.

    The smallest order gets the rest.
    """
    total = sum(shares.values())
    left = pages
    quotas: dict[int, int] = {}
    for position, order in enumerate(sorted(shares, reverse=True)):
        exact = shares[order] / total * left / (1 << order)
        number = rounding(round(exact, 9)) if position == 0 else round(exact)
        total -= shares[order]
        quotas[order] = min(number, left >> order)
        left -= quotas[order] << order
    smallest = min(shares)
    quotas[smallest] += left >> smallest
    left &= (1 << smallest) - 1
    for order in range(smallest):
        if left >> order & 1 and order == 1:  # anonymous memory has no folios of order 1
            quotas[0] = quotas.get(0, 0) + 2
        elif left >> order & 1:
            quotas[order] = quotas.get(order, 0) + 1
    return quotas


def _fill(pages: int, quotas: Mapping[int, int], random: Random) -> tuple[int, ...]:
    """Return the orders of a table's folios in a random sequence that aligns each to its size.

    Smaller folios are shuffled and put together in groups of the next larger size; a group that is
    not full comes last.
    """
    groups: list[tuple[int, ...]] = []
    for order in range(LARGEST_ORDER + 1):
        merged: list[tuple[int, ...]] = [(order,)] * quotas.get(order, 0)
        random.shuffle(groups)
        full: list[tuple[int, ...]] = []
        short: list[tuple[int, ...]] = []
        for group in groups:
            (full if _pages(group) == 1 << max(order - 1, 0) else short).append(group)
        while len(full) > 1 and order:
            merged.append(full.pop() + full.pop())
        leftover: tuple[int, ...] = sum(full + short, ())
        groups = merged + ([leftover] if leftover else [])
    orders: tuple[int, ...] = sum(groups, ())
    assert _pages(orders) == pages
    return orders


def _pages(orders: tuple[int, ...]) -> int:
    return sum(map((1).__lshift__, orders))
