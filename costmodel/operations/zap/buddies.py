"""Finds the struct pages that a release touches only because they lie beside released ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from costmodel.code.library import Library
from costmodel.code.sequences import numbered
from costmodel.code.trace import Trace
from costmodel.code.uops import Target
from costmodel.mm.shapes import TableShape

_BUDDY_ALLOCATOR: Final = "__free_one_page"
"""The function that checks whether the buddy of a page is free, merges the two, and links them."""


def share_apart(shape: TableShape) -> float:
    """Return the share of a table's folios, 0 to 1, that do not follow the one before in memory.

    Where they do, the buddies of released pages are released together with them.
    """
    behind = [pfn + (1 << order) for pfn, order in zip(shape.first_pfns, shape.orders, strict=True)]
    following = zip(behind[:-1], shape.first_pfns[1:], strict=True)
    return sum(end != pfn for end, pfn in following) / max(1, len(behind) - 1)


def lie_apart(shape: TableShape) -> bool:
    """Tell whether any folio of a table does not follow the one before."""
    return share_apart(shape) > 0


def with_buddies(trace: Trace, library: Library) -> Trace:
    """Return the trace with the target BUDDY for struct pages that only the allocator touches."""
    row = np.flatnonzero(trace.target == Target.PAGE)
    site, first = numbered(trace.site[row].astype(np.int64))
    its = library.site[library.function == _BUDDY_ALLOCATOR]
    allocator = np.isin(trace.site[row[first]], its)[site]
    line, _ = numbered(trace.line[row])
    released = np.zeros(len(row), np.bool_)
    released[line[~allocator]] = True
    target = trace.target.copy()
    target[row[allocator & ~released[line]]] = Target.BUDDY
    return replace(trace, target=target)
