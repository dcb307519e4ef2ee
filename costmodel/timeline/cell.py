"""The timeline of a cell: its strategy on its machine and workload, for chosen PTEs of a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN
from costmodel.code.trace import Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.errors import ConfigError, Fault, Faults, describe
from costmodel.experiment import Cell, build_of, executed
from costmodel.mm.pte import PTE_BYTES
from costmodel.timeline.times import Timeline, timeline


def rows_of_ptes(trace: Trace, first: int, count: int) -> tuple[int, int]:
    """Return the trace rows that finish ``count`` entries from entry ``first`` on: start and end.

    The end is exclusive. An entry is finished when it is written to the child's table for the last
    time; in an operation without a child (zap), when the parent's entry is touched for the last
    time. A strategy that works on a batch in several passes finishes all its entries in the last
    pass, so take whole batches to see the other passes, too. Raises ValueError for entries that the
    trace does not finish.
    """
    rows, slots = _touches(trace)
    last = first + count - 1
    if count < 1 or first < 0 or first not in slots or last not in slots:
        known = f"{slots.min()} to {slots.max()}" if len(slots) else "none"
        raise ValueError(f"entries must be of {known} (got {first} to {last})")
    before = rows[slots < first]
    finished = int(rows[(slots >= first) & (slots <= last)].max()) + 1
    whole = last == slots.max()
    return int(before.max()) + 1 if len(before) else 0, len(trace) if whole else finished


def trace_ptes(trace: Trace) -> int:
    """Return how many entries a trace finishes."""
    return len(np.unique(_touches(trace)[1]))


def middle(trace: Trace, count: int) -> int:
    """Return the entry at which ``count`` entries in the middle of the table begin.

    It is a multiple of ``count``, rounded up to a power of two, so that whole folios are shown.
    """
    slots = int(_touches(trace)[1].max(initial=-1)) + 1
    whole = 1 << max(0, count - 1).bit_length()
    return 0 if whole >= slots else slots // 2 // whole * whole


def _touches(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that write child entries, or touch parent entries where there is no child.

    The second array is the entry that each row touches. Rows that clear a new table are left out.
    """
    written = (trace.target == Target.DST) & (trace.kind == Kind.STORE)
    target = Target.DST if np.any(written) else Target.SRC
    rows = np.flatnonzero(written if target is Target.DST else trace.target == Target.SRC)
    slots = (trace.address[rows] - (int(target) << REGION_SHIFT) - SLOT_ORIGIN) // PTE_BYTES
    return rows, slots


def timeline_of(cell: Cell, *, ptes: int, first: int | None = None) -> Timeline:
    """Return the timeline of ``ptes`` consecutive entries of the cell's first page table.

    They begin at entry ``first`` (0 to 511), or in the middle of the table when it is None. Where a
    strategy touches no entry because it moves whole tables, the timeline shows the whole table.
    Raises ConfigError for entries that the strategy does not handle.
    """
    runs = executed(cell)
    table = next(number for number, run in enumerate(runs) if run.ptes)
    trace = runs[table].trace
    if not trace_ptes(trace):  # no entry is touched: the whole table is one step
        shown = timeline(runs, cell.machine, first=0, end=len(trace), table=table)
        return replace(shown, build=build_of(cell))
    entries = trace_ptes(trace)
    faults = Faults()
    if ptes > entries:
        reason = f"must be at most {entries}, the entries of a page table here"
        faults.found.append(Fault("--ptes", reason=reason, got=describe(ptes)))
    if first is not None and first >= entries:
        reason = f"must be an entry of a page table here, 0 to {entries - 1}"
        faults.found.append(Fault("--first", reason=reason, got=describe(first)))
    faults.tell()
    try:
        begin, end = rows_of_ptes(trace, middle(trace, ptes) if first is None else first, ptes)
    except ValueError as error:
        raise ConfigError.of("--first", str(error)) from None
    shown = timeline(runs, cell.machine, first=begin, end=end, table=table)
    return replace(shown, ptes=ptes, build=build_of(cell))
