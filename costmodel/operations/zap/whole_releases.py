"""The release of pages as archives hold it whose steps do not: tables of folios of one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from costmodel.code.trace import TableRun
from costmodel.config.errors import ConfigError
from costmodel.config.sizes import size_text
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.operations.zap.operation import DONTNEED, MUNMAP
from costmodel.operations.zap.reuse import Lists, share_apart, with_reuse
from costmodel.recorder.archive import ALIGNED
from costmodel.recorder.build_archive import RELEASE, SCATTERED, BuildArchive
from costmodel.recorder.recorded import Opens, WholeTables, refuse_holes
from costmodel.units import LARGEST_ORDER, PAGE_BYTES


def releases(
    archive: BuildArchive,
    opens: Opens,
    space: ShapedSpace,
    unmaps: Sequence[TableRun],
    aligned: bool,
) -> Iterator[TableRun]:
    """Return the release of what unmaps gathered.

    Recorded are tables of folios of one order. Of folios that lie apart none is merged with the
    next one: tables where some do are priced as so many whose folios all lie apart, and the others
    with none. A mix is priced as its pages' shares of tables of each order. Raises ConfigError for
    an address space that is not of whole tables.
    """
    if space.ptes % TABLE_PTES:
        reason = "holds releases of whole tables: memory must be a multiple of 2 MiB"
        got = size_text(space.ptes * PAGE_BYTES)
        raise ConfigError.of(f"@{archive.info.name}", reason, got=got)
    refuse_holes(archive.info.name, "releases of whole tables", space.ptes - space.pages)
    held = archive.program.recordings
    tables: dict[tuple[str, TableShape], float] = {}
    slots = 0.0
    for shape in space.shapes:
        share = share_apart(shape)
        for alike, number in _of_one_order(archive, shape):
            name = f"{WHOLE.state(shape)}/order{alike.orders[0]}"
            apart, as_entries = f"{name}{SCATTERED}{RELEASE}", f"{name}{ALIGNED}{RELEASE}"
            together = as_entries if aligned and as_entries in held else f"{name}{RELEASE}"
            scattered = share if apart in held else 0.0
            slots += number * archive.info.slots[f"{name}{RELEASE}"]
            for window, part in ((apart, scattered), (together, 1 - scattered)):
                tables[window, alike] = tables.get((window, alike), 0.0) + number * part
    tables = {key: number for key, number in tables.items() if number}
    whole = zip(tables, _rounded(list(tables.values())), strict=True)
    runs = [TableRun(opens(name, alike), count, 0) for (name, alike), count in whole if count]
    return with_reuse(unmaps, runs, Lists.of(round(slots), space.ptes))


def _of_one_order(archive: BuildArchive, shape: TableShape) -> Iterator[tuple[TableShape, float]]:
    """Yield full tables of recorded orders that have a table's folios together, and how many.

    Folios of an order between two recorded ones are as many tables of both as have together as many
    folios and pages.
    """
    released, state = archive.program.recordings, WHOLE.state(shape)
    held = [n for n in range(LARGEST_ORDER + 1) if f"{state}/order{n}{RELEASE}" in released]
    for order, folios in sorted(Counter(shape.orders).items()):
        tables = shape.count * (folios << order) / TABLE_PTES
        low = max(known for known in held if known <= order)
        high = min(known for known in held if known >= order)
        share = 1.0 if low == high else (2.0**-order - 2.0**-high) / (2.0**-low - 2.0**-high)
        yield _filled(shape, low), tables * share
        if high != low:
            yield _filled(shape, high), tables * (1 - share)


def _filled(shape: TableShape, order: int) -> TableShape:
    """Return a table full of folios of one order that lie about where those of another do."""
    full = (order,) * (TABLE_PTES >> order)
    if shape.orders == full:
        return replace(shape, count=1)
    pages = [
        first + page
        for first, folio in zip(shape.first_pfns, shape.orders, strict=True)
        for page in range(1 << folio)
    ]
    places = [index * len(pages) // len(full) for index in range(len(full))]
    frames = tuple(pages[place] >> order << order for place in places)
    return replace(shape, count=1, orders=full, first_pfns=frames)


def _rounded(numbers: Sequence[float]) -> list[int]:
    """Return whole numbers near these with the same rounded sum, at least 1."""
    sums = np.round(np.cumsum(numbers))
    sums[-1] = max(sums[-1], 1)
    return [int(number) for number in np.diff(sums, prepend=0)]


WHOLE: Final = WholeTables({DONTNEED.name: MUNMAP.name}, behind=releases)
"""MADV_DONTNEED over a range empties a table as munmap() does, so both are one recording."""
