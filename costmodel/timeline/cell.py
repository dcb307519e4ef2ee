"""The timeline of a cell: its strategy on its machine and workload, for some PTEs of a table."""

from __future__ import annotations

from dataclasses import replace

from costmodel.config.errors import ConfigError, Fault, Faults, describe
from costmodel.experiment import Cell, build_of, executed
from costmodel.timeline.choose import middle, rows_of_ptes, trace_ptes
from costmodel.timeline.times import Timeline, timeline


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
