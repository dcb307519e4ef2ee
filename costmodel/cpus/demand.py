"""Computes how often an operation, and the time until the next one, visits each shared thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from costmodel.cpus.segments import Visit
from costmodel.operations.registry import operation_named
from costmodel.units import LINE_BYTES, PAGE_BYTES, PS_PER_NS

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.workload import Workload
    from costmodel.cpus.prices import Prices
    from costmodel.operations.protocol import SharedWork

LIST_ORDERS: Final = (0, 1, 2, 3, 9)
"""Folio orders that have lists for each CPU; folios of other orders go to the zone one by one
(mm/page_alloc.c, from v5.13 on)."""
_WRITE_BACK: Final = 2
"""Transfers for each line of page tables and struct pages, which is read, changed, and written
back."""
_FAULT_LOCKS: Final = 2
"""Changes of the lock's line by a page fault, which takes the lock of the address space and
releases it."""
_CALL_LOCKS: Final = 2
"""Changes of the lock's line by a system call, which takes the lock and releases it."""
_LIST_LINES: Final = 3
"""Lines that move with a lock of lists: the lock, the head of a list, and the neighbour in it."""


@dataclass(frozen=True)
class Demand:
    """The visits of one operation, and those of the time until the next one, by shared thing."""

    operation: Mapping[str, Visit]
    between: Mapping[str, Visit]


def demand(
    workload: Workload, prices: Prices, runs: Sequence[TableRun], *, llc_bytes: int
) -> Demand:
    """Return the visits of one CPU to shared things, without its flushes and broadcasts.

    ``llc_bytes`` is its share of the last-level cache; what fits into it needs no memory bandwidth.
    """
    work = operation_named(workload.operation).shared_work(workload)
    back = _pages(work, prices, tables=work.tables)
    memory = Visit("memory", _memory_ps(_moved_bytes(runs, llc_bytes), prices), 1)
    operation = {"memory": memory, **back}
    if workload.threads > 1:
        operation["counters"] = Visit("counters", 0, work.folio_updates / prices.counter_batch)
        operation["mmap_lock"] = Visit("mmap_lock", 0, _CALL_LOCKS * work.calls)
    if workload.folios == "shared":
        operation["folio_counts"] = Visit("folio_counts", 0, work.folio_updates)
    between: dict[str, Visit] = {}
    if workload.between_us and work.freed:
        between = dict(_pages(work, prices, tables=0))
        pages = sum(folios << order for order, folios in work.freed.items())
        # A page is cleared before it is mapped: written once, past the caches or out of them.
        between["memory"] = Visit("memory", _memory_ps(pages * PAGE_BYTES, prices), 1)
        if workload.threads > 1 and not prices.vma_locks:
            faults = sum(work.freed.values())
            between["mmap_lock"] = Visit("mmap_lock", 0, _FAULT_LOCKS * faults)
    return Demand(_kept(operation, workload), _kept(between, workload))


def _pages(work: SharedWork, prices: Prices, *, tables: int) -> dict[str, Visit]:
    """Return the visits for pages that go to the page allocator, or come from it."""
    folios = dict(work.freed)
    on_lists = sum(n << order for order, n in folios.items() if order in LIST_ORDERS)
    blocks = sum(folios.values()) + tables
    alone = sum(n for order, n in folios.items() if order not in LIST_ORDERS)
    # A batch is counted in pages; one block that is larger than it moves alone.
    largest = max((1 << o for o in folios if o in LIST_ORDERS), default=1)
    batches = (on_lists + tables) / max(prices.list_batch_pages, largest)
    found = {
        "zone_lock": Visit(
            "zone_lock", blocks * prices.zone_page_ps, _LIST_LINES * (batches + alone)
        )
    }
    freed = sum(folios.values())
    if freed:
        pages = sum(n << order for order, n in folios.items())
        # Each call drains what the CPU gathered (lru_add_drain()), then releases in batches.
        turns = max(work.calls, freed / prices.lru_batch_folios)
        found["lru_lock"] = Visit("lru_lock", freed * prices.lru_folio_ps, _LIST_LINES * turns)
        charges = pages / prices.memcg_batch_pages * prices.memcg_levels
        found["memcg"] = Visit("memcg", 0, charges)
    return found


def _moved_bytes(runs: Sequence[TableRun], llc_bytes: int) -> int:
    """Return how many bytes an operation reads from memory and writes back past the cache."""
    lines = sum(run.count * run.trace.lines for run in runs)
    return _WRITE_BACK * max(0, lines * LINE_BYTES - llc_bytes)


def _memory_ps(moved_bytes: int, prices: Prices) -> int:
    return round(moved_bytes / prices.memory_bytes_per_ns * PS_PER_NS)


def _kept(visits: Mapping[str, Visit], workload: Workload) -> dict[str, Visit]:
    return {
        name: visit
        for name, visit in visits.items()
        if name not in workload.unshared and (visit.held_ps or visit.visits)
    }
