"""The causes of CPI stacks, and the result of running page tables on the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property


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
class Charges:
    """What the ticks of a table are charged to."""

    by_cause: tuple[int, ...]
    """Ticks of each :class:`Cause`, without those of late accesses."""
    by_class: tuple[int, ...] = ()
    """Ticks of late accesses, by class."""
    weights: tuple[Mapping[Cause, int], ...] = ()
    """The causes that each class is charged to, with their weights."""

    def stack_ticks(self) -> dict[Cause, int]:
        """Return the ticks by cause, without zeros."""
        stack = list(self.by_cause)
        for ticks, weights in zip(self.by_class, self.weights, strict=True):
            if ticks:
                for cause, share in shared_out(ticks, weights).items():
                    stack[cause] += share
        return {cause: stack[cause] for cause in Cause if stack[cause]}


@dataclass(frozen=True)
class TableCost:
    """The cost of a page table."""

    segments: Mapping[str, int]
    """Ticks by the name of the trace's segment, in order; they sum to ``ticks``."""
    charges: Charges
    broadcasts: int = 0
    """How many TLB invalidations were sent to other CPUs."""
    broadcast_ticks: int = 0
    """Ticks that barriers waited for these, which a busy interconnect would make longer."""

    @property
    def ticks(self) -> int:
        """The time of the table in ticks."""
        return sum(self.segments.values())

    @cached_property
    def stack_ticks(self) -> Mapping[Cause, int]:
        """Ticks by cause, without zeros; they sum to ``ticks``."""
        return self.charges.stack_ticks()


Group = tuple[tuple[tuple[int, int], ...], int]
"""Tables that come in this order so many times; each is the number of its cost, and how many in a
row have that cost."""
LISTED = 4096
"""The most tables of a group that are listed in their order."""


@dataclass(frozen=True, eq=False)
class Timing:
    """The time of a sequence of page tables."""

    costs: tuple[TableCost, ...]
    """The different costs, in the order in which they occur first."""
    groups: tuple[Group, ...]
    """All tables in order."""
    clock_ghz: float = field(default=1.0)

    @classmethod
    def of(cls, tables: Iterable[tuple[TableCost, int]], clock_ghz: float = 1.0) -> Timing:
        """Return the time of tables in order, each with how often it comes in a row."""
        costs: list[TableCost] = []
        order: list[tuple[int, int]] = []
        for cost, count in tables:
            if cost not in costs:
                costs.append(cost)
            order.append((costs.index(cost), count))
        return cls(tuple(costs), ((tuple(order), 1),), clock_ghz)

    @cached_property
    def order(self) -> tuple[tuple[int, int], ...]:
        """All tables in order: the number of the cost, and how many in a row have that cost.

        Where a group of tables repeats thousands of times, each table of the group is listed once,
        with the number of repetitions.
        """
        found: list[tuple[int, int]] = []
        for tables, times in self.groups:
            short = len(tables) * times <= LISTED
            again = tables * times if short else [(cost, count * times) for cost, count in tables]
            for cost, count in again:
                if found and found[-1][0] == cost:
                    found[-1] = cost, found[-1][1] + count
                else:
                    found.append((cost, count))
        return tuple(found)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many tables have each of the costs."""
        counts = [0] * len(self.costs)
        for tables, times in self.groups:
            for cost, count in tables:
                counts[cost] += count * times
        return tuple(counts)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same costs in the same order."""
        return isinstance(other, Timing) and all(
            getattr(self, name) == getattr(other, name) for name in ("clock_ghz", "costs", "order")
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def ticks(self) -> int:
        """The total time in ticks."""
        return sum(n * cost.ticks for cost, n in zip(self.costs, self.counts, strict=True))

    @property
    def stack_ticks(self) -> dict[Cause, int]:
        """The ticks of all tables by cause; they sum to ``ticks``."""
        total: dict[Cause, int] = {}
        for cost, count in zip(self.costs, self.counts, strict=True):
            for cause, ticks in cost.stack_ticks.items():
                total[cause] = total.get(cause, 0) + count * ticks
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
