"""What there is of a workload's mapping: its page tables, the pages that they map, and its end."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import ShapedSpace, homogeneous
from costmodel.operations.registry import operation_named
from costmodel.units import PAGE_BYTES

if TYPE_CHECKING:
    from costmodel.config.workload import Workload
    from costmodel.mm.state import PteState


class Extent(NamedTuple):
    """What there is of a mapping, in numbers.

    * ``tables``: page tables, with those that wait beside PMDs for a split.
    * ``waiting``: how many of them wait beside PMDs.
    * ``pages``: pages of 4 KiB that are mapped.
    * ``table_pages``: the most of them that one table maps.
    * ``span_pages``: pages of 4 KiB from the beginning of the mapping to its last mapped page.
    """

    tables: int
    waiting: int
    pages: int
    table_pages: int
    span_pages: int

    def pages_in(self, entries: int) -> int:
        """Return how many pages are mapped by so many entries from a table's first one on."""
        tables, rest = divmod(entries, TABLE_PTES)
        return tables * self.table_pages + min(rest, self.table_pages)

    def range_pages(self, pages: int) -> int:
        """Return how long the range is, in pages of 4 KiB, in which so many mapped pages lie.

        Those of one table lie together at its beginning, so the holes are between tables.
        """
        met = -(-pages * self.tables // self.pages)
        borders = min(max(met, 1), self.tables) - 1
        holes = self.span_pages - self.pages
        return pages + (round(borders * holes / (self.tables - 1)) if borders else 0)


def space_of(workload: Workload, *, contpte: bool = False) -> ShapedSpace:
    """Return the page tables of a workload; ``contpte``: the kernel uses the contiguous bit."""
    return _space(
        workload.memory_bytes,
        tuple(workload.folio_orders.items()),
        workload.frames,
        workload.frames_over or workload.touched_pages * PAGE_BYTES,
        operation_named(workload.operation).state(workload.state),
        contpte,
        workload.mapped == "pmd",
        workload.holes,
    )


@lru_cache(maxsize=64)
def extent_of(workload: Workload) -> Extent:
    """Return what there is of a workload's mapping.

    Tables that do not exist lie between those that do, so the mapping ends with the last table.
    """
    shapes = space_of(workload).shapes
    return Extent(
        tables=sum(shape.count for shape in shapes),
        waiting=sum(shape.count for shape in shapes if shape.pmd),
        pages=sum(shape.count * shape.pages for shape in shapes),
        table_pages=max(shape.pages for shape in shapes),
        span_pages=workload.pages - shapes[-1].empty,
    )


@lru_cache(maxsize=64)
def _space(
    memory_bytes: int,
    orders: tuple[tuple[int, float], ...],
    frames: str,
    over_bytes: int,
    state: PteState,
    contpte: bool,
    pmd: bool,
    holes: float,
) -> ShapedSpace:
    """Return the address space of a workload, remembered because it takes longer than timing it."""
    return homogeneous(
        memory_bytes, dict(orders), frames=frames, over_bytes=over_bytes, state=state,
        contpte=contpte, pmd=pmd, holes=holes,
    )  # fmt: skip
