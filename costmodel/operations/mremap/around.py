"""The costs around the loop of ``mremap()``: the call, new tables, flushes, emptied tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from costmodel.code.uops import Target
from costmodel.operations.protocol import FlushRequest, OutsideCost, SharedWork, Surroundings
from costmodel.operations.shared.flush import TABLE_ALLOC, TABLE_FREE, UNMAP_CALL, flush
from costmodel.units import PAGE_BYTES, PS_PER_NS

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload


def around(machine: Machine, runs: Sequence[TableRun]) -> Surroundings:
    """Return the cost of the call, and for each table what its recorded instructions do not show.

    x86 flushes once per table in another file of the kernel, which was not recorded: by pages of
    4 KiB, whatever maps them. The TLBIs of arm64 are among the recorded instructions. Tables whose
    entries are moved one by one are allocated and cleared at the new address, and freed at the old
    one.
    """
    kernel = machine.kernel
    after = [OutsideCost({UNMAP_CALL: round(kernel.unmap_call_ns.value * PS_PER_NS)})]
    if machine.isa == "x86_64":
        tables = Counter[int]()
        for run in runs:
            tables[run.ptes] += run.count
        after += [flush(machine, FlushRequest(ptes), count=n) for ptes, n in tables.items()]
    filled = sum(run.count for run in runs if run.trace.touches(Target.DST))
    if filled:
        alloc_ns = kernel.table_alloc_ns.value + PAGE_BYTES / kernel.zero_bytes_per_ns.value
        costs = {
            TABLE_ALLOC: round(alloc_ns * PS_PER_NS),
            TABLE_FREE: round(kernel.table_free_ns.value * PS_PER_NS),
        }
        after.append(OutsideCost(costs, count=filled))
    return Surroundings(after=tuple(after))


def shared_work(workload: Workload) -> SharedWork:
    """Return the use of the address space's lock: for writing, from beginning to end."""
    return SharedWork(address_space="write")
