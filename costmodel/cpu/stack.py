"""The causes of CPI stacks, and the result of running page tables on the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Cause(IntEnum):
    """Why retirement was late: every tick is charged to exactly one cause."""

    WIDTH = 0  # dispatch or retire bandwidth: an ideal core of this width is no faster
    DEPENDENCY = 1  # execution latency of a chain of plain operations
    PORT = 2  # all ports of a class were taken
    BRANCH_MISPREDICT = 3
    L1 = 4
    L2 = 5
    LLC = 6
    DRAM = 7
    PREFETCH = 8  # a prefetched line was still on its way
    TLB = 9
    MISS_REGISTERS = 10
    STORE_FORWARD = 11
    STORE_BUFFER = 12  # store queue full, or a barrier waited for plain stores
    ATOMIC = 13  # arm64 atomics, latency or occupancy
    LOCKED = 14  # x86 locked operations
    BARRIER = 15  # dsb, dmb, isb with nothing pending
    TLBI = 16  # issue and broadcast of TLB invalidations
    ZEROING = 17
    SYSTEM = 18
    FETCH = 19  # taken branches, calls and returns: fetch delivered nothing


CAUSES = len(Cause)


@dataclass(frozen=True)
class TableCost:
    """The cost of each of ``count`` consecutive page tables; all other fields are per table."""

    count: int
    segments: Mapping[str, int]
    """Ticks by the name of the trace's segment, in order; they sum to ``ticks``."""
    stack_ticks: Mapping[Cause, int]
    """Ticks by cause, without zeros; they sum to ``ticks``."""
    broadcasts: int
    """How many TLB invalidations were sent to other CPUs."""
    broadcast_ticks: int
    """Ticks that barriers waited for these, which a busy interconnect would make longer."""

    @property
    def ticks(self) -> int:
        """The time of one table in ticks."""
        return sum(self.segments.values())


@dataclass(frozen=True)
class Timing:
    """The time of a sequence of page tables."""

    tables: tuple[TableCost, ...]
    """The costs in order; neighbours of equal cost are one entry. Where a group of tables repeats
    thousands of times, each table of the group is listed once, with the number of repetitions."""
    clock_ghz: float = field(default=1.0)

    @property
    def ticks(self) -> int:
        """The total time in ticks."""
        return sum(table.count * table.ticks for table in self.tables)

    @property
    def stack_ticks(self) -> dict[Cause, int]:
        """The ticks of all tables by cause; they sum to ``ticks``."""
        total: dict[Cause, int] = {}
        for table in self.tables:
            for cause, ticks in table.stack_ticks.items():
                total[cause] = total.get(cause, 0) + table.count * ticks
        return total


def shared_out(total: int, weights: Mapping[Cause, int]) -> dict[Cause, int]:
    """Return ``total`` divided in proportion to ``weights``, so that the parts sum to it exactly.

    The first cause with the largest weight gets what rounding leaves.

    >>> shared_out(10, {Cause.L1: 1, Cause.L2: 2})
    {<Cause.L1: 4>: 3, <Cause.L2: 5>: 7}
    """
    whole = sum(weights.values())
    parts = {cause: total * weight // whole for cause, weight in weights.items() if weight}
    largest = max(weights, key=lambda cause: weights[cause])
    parts[largest] += total - sum(parts.values())
    return parts
