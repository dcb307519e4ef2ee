"""Finds the memory layout of a process, as far as the system shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.arrays import Ints
from costmodel.config.errors import ConfigError, describe
from costmodel.config.yaml_text import bounded, decoded
from costmodel.layout.pages import Mapping, ProcessPages, orders_of, read_mappings, read_pages
from costmodel.layout.placement import placement_of
from costmodel.units import LARGEST_ORDER, PAGE_BYTES

_LARGEST_BYTES = 1 << 28
"""Bytes in the longest text of mappings that is read. A mapping takes some 700 bytes, and a process
has at most 65530 mappings by default (vm.max_map_count)."""

MOSTLY = 0.5
_COUNTS = "; what PTEs map counts as order 0"


@dataclass(frozen=True)
class ProcessLayout:
    """The anonymous memory of a process, as far as it could be seen."""

    name: str
    mappings: int
    """How many mappings (VMAs) the process has."""
    copied: int
    """How many of them have entries that fork copies."""
    memory_bytes: int
    """Anonymous memory that entries of page tables (PTEs) map."""
    pmd_bytes: int
    """Anonymous memory that entries of the level above (PMDs) map: whole folios of 2 MiB."""
    orders: dict[int, float]
    """Share of ``memory_bytes`` in folios of each order; the shares sum to 1. Empty where PMDs map
    all of the memory."""
    exclusive: float | None = None
    """Share of the pages that no other process maps; None where that could not be seen."""
    alone: float | None = None
    """Share of the pages in folios that lie alone: no other folio of the process is their neighbour
    both in virtual and in physical memory. None if unknown."""
    run_bytes: int | None = None
    """Bytes in the run of frames that one of the other pages lies in, averaged over these pages;
    None if unknown."""
    span_bytes: int | None = None
    """Bytes of physical memory from the first to the last frame; None if unknown."""
    holes: float = 0.0
    """Share of the entries that are empty in page tables that PTEs of this memory lie in."""
    lacking: list[str] = field(default_factory=list)
    orders_seen: bool = True
    """Whether the system showed folio orders; else all that PTEs map counts as order 0."""

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        orders = {str(order): share for order, share in self.orders.items()}
        return {**vars(self), "orders": orders}


def read_layout(reference: str, root: Path = Path("/proc")) -> ProcessLayout:
    """Return the layout of a process.

    ``reference`` is the number of a running process (PID), or the path of a saved copy of its
    ``/proc/PID/smaps``. Raises ConfigError where there is no such process or file, and where the
    user is not allowed to read it.
    """
    if not reference:
        raise ConfigError.of("PID", "must be the number of a process, or a file", got="''")
    if not reference.isdecimal():
        path = Path(reference)
        mappings = read_mappings(_text(path), reference)
        only = "folio orders: a saved smaps has no page frames"
        return _found(path.name, reference, mappings, None, None, [only + _COUNTS])
    process = root / reference
    if not process.is_dir():
        raise ConfigError.of("PID", "no such process", got=describe(reference))
    mappings = read_mappings(_text(process / "smaps"), str(process / "smaps"))
    name = f"{_text(process / 'comm').strip()} (process {reference})"
    copied = [mapping for mapping in mappings if mapping.copied]
    lacking: list[str] = []
    pages = orders = None
    try:
        pages = read_pages(process / "pagemap", copied)
    except OSError as error:
        lacking.append(f"pages: {process / 'pagemap'}: {error.strerror}{_COUNTS}")
    if pages is not None and pages.frame is None:
        lacking.append(f"folio orders and runs: only root sees page frames{_COUNTS}")
    elif pages is not None and pages.frame is not None:
        try:
            orders = orders_of(pages.frame, root / "kpageflags")
        except OSError as error:
            lacking.append(f"folio orders: {root / 'kpageflags'}: {error.strerror}{_COUNTS}")
    return _found(name, name, mappings, pages, orders, lacking)


def _text(path: Path) -> str:
    return decoded(bounded(path, _LARGEST_BYTES, pipes=True), str(path))


def _found(
    name: str,
    place: str,
    mappings: Sequence[Mapping],
    pages: ProcessPages | None,
    orders: Ints | None,
    lacking: list[str],
) -> ProcessLayout:
    copied = [mapping for mapping in mappings if mapping.copied]
    anonymous = sum(mapping.sizes["Anonymous"] for mapping in copied)
    by_pmd = sum(mapping.sizes.get("AnonHugePages", 0) for mapping in copied)
    memory = anonymous - by_pmd
    if anonymous <= 0:
        raise ConfigError.of(place, "has no anonymous memory")
    single = {0: 1.0} if memory else {}
    if pages is None or not len(pages.address):
        return ProcessLayout(
            name, len(mappings), len(copied), memory, by_pmd, single, lacking=lacking,
            orders_seen=False,
        )  # fmt: skip
    seen = len(pages.address) * PAGE_BYTES / anonymous
    if seen < MOSTLY:
        lacking.append(f"pages: {100 * seen:.0f} % of the memory was looked at, evenly spread")
    if pages.swapped:
        swapped = pages.swapped / (pages.swapped + len(pages.address))
        lacking.append(f"{100 * swapped:.1f} % of the pages are swapped out or migrate: left out")
    shares = _shares(orders, by_pmd / anonymous) if memory and orders is not None else single
    exclusive = float(pages.exclusive.mean())
    by_ptes = len(pages.address) * memory / anonymous
    holes = pages.empty / (pages.empty + by_ptes) if by_ptes else 0.0
    if pages.frame is None:
        return ProcessLayout(
            name, len(mappings), len(copied), memory, by_pmd, shares, exclusive, holes=holes,
            lacking=lacking, orders_seen=False,
        )  # fmt: skip
    found = placement_of(pages.address, pages.frame, orders)
    return ProcessLayout(
        name, len(mappings), len(copied), memory, by_pmd, shares, exclusive, found.alone,
        found.run_bytes, max(found.span_bytes, anonymous), holes, lacking, orders is not None,
    )  # fmt: skip


def _shares(orders: Ints, by_pmd: float) -> dict[int, float]:
    """Return the share of each order in the memory that PTEs map.

    ``by_pmd``: share of the memory that PMDs map; it is in folios of order 9 and does not count.
    """
    counts = np.bincount(orders, minlength=LARGEST_ORDER + 1).astype(float)
    counts[0] += counts[1]  # anonymous memory has none of order 1
    counts[1] = 0
    counts[LARGEST_ORDER] = max(0.0, counts[LARGEST_ORDER] - by_pmd * len(orders))
    total = counts.sum()
    return {order: float(c / total) for order, c in enumerate(counts) if c} or {0: 1.0}
