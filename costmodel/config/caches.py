"""Groups of a machine file: caches, memory, the prefetcher and TLBs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.parameter import (
    Bounds,
    Bytes,
    Cycles,
    Group,
    Nanoseconds,
    Parameter,
    Policy,
    no_cost,
)
from costmodel.config.schema import Problem

ALL_OF_IT = Parameter[float](
    value=1.0, low=1.0, high=1.0, kind="inferred", source="not stated: all of it"
)


class PrivateCache(Group):
    """A cache of the core."""

    size_bytes: Bytes
    """Capacity."""
    latency_cycles: Annotated[Parameter[float], Bounds(1, 200)]
    """Load-to-use latency, as the core sees it."""
    cycles_per_line: Cycles = no_cost()
    """Least time between two lines that it delivers in no order, however many requests overlap."""
    replacement: Policy
    """How it replaces lines, which decides what a stream larger than the cache still finds."""


class SecondLevelCache(PrivateCache):
    """The L2."""

    write_back_cycles: Cycles = no_cost()
    """Further time for a line that it delivers and that is written: it goes back from the L1, and
    the next one waits for that."""


class LastLevelCache(Group):
    """The cache in front of memory (L3, or system-level cache)."""

    size_bytes: Bytes
    """Capacity that one core can use."""
    share: Annotated[Parameter[float], Bounds(0.01, 1)] = ALL_OF_IT
    """The share of the capacity that this core or guest really has while others use the rest."""
    latency_ns: Annotated[Parameter[float], Bounds(1, 500)]
    """Load-to-use latency, as the core sees it."""
    ns_per_line: Nanoseconds = no_cost()
    """Least time between two lines that it delivers in no order, however many requests overlap."""
    replacement: Policy
    """How it replaces lines, which decides what a stream larger than the cache still finds."""


class Dram(Group):
    """Main memory."""

    latency_ns: Annotated[Parameter[float], Bounds(20, 2000)]
    """Load-to-use latency of an otherwise idle memory, as the core sees it."""
    ns_per_line: Nanoseconds = no_cost()
    """Least time between two lines that it delivers in no order, however many requests overlap."""


class Prefetch(Group):
    """The hardware prefetcher of sequential streams; nothing else is prefetched by hardware."""

    depth_lines: Annotated[Parameter[int], Bounds(0, 256)]
    """How many lines it runs ahead of the stream."""
    ns_per_line: Annotated[Parameter[float], Bounds(0, 200)]
    """Time per line of one sequential stream out of memory."""
    llc_ns_per_line: Nanoseconds = no_cost()
    """Time per line of one sequential stream out of the last-level cache; 0: as out of memory."""
    trains_after_lines: Annotated[Parameter[int], Bounds(1, 64)]
    """How many lines of a stream miss before prefetching starts."""


class Dtlb(Group):
    """Data TLBs."""

    l1_entries: Annotated[Parameter[int], Bounds(1, 65536)]
    """Translations that the first level holds."""
    l2_entries: Annotated[Parameter[int], Bounds(1, 65536)]
    """Translations that the second level holds."""
    l2_latency_cycles: Annotated[Parameter[float], Bounds(0, 100)]
    """Added to the latency of a load whose translation is in the second level only."""
    walk_ns: Annotated[Parameter[float], Bounds(0, 500)]
    """Added to the latency of a load whose translation is in neither level: the page walk, in a
    guest with its nested walks."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where the first level is larger than the second."""
        if self.l1_entries.value > self.l2_entries.value:
            reason = f"must not be above caches.dtlb.l2_entries, {self.l2_entries.value}"
            yield ("l1_entries", "value"), reason, self.l1_entries.value


class Caches(Group):
    """The memory hierarchy."""

    line_bytes: Annotated[Parameter[int], Bounds(16, 512)]
    """Line size of the caches beyond the L1; lines of the L1 have 64 bytes."""
    miss_registers: Annotated[Parameter[int], Bounds(1, 256)]
    """Lines in flight beyond the L1: the limit of memory-level parallelism."""
    l1: PrivateCache
    l2: SecondLevelCache
    llc: LastLevelCache
    dram: Dram
    prefetch: Prefetch
    dtlb: Dtlb

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where the line size is no power of two, or levels are out of order.

        The L2 must be larger and slower than the L1, and memory slower than the last-level cache.
        """
        line = self.line_bytes.value
        if line & (line - 1):
            yield ("line_bytes", "value"), "must be a power of two", line
        if self.l1.size_bytes.value >= self.l2.size_bytes.value:
            reason = f"must be below caches.l2.size_bytes, {self.l2.size_bytes.value}"
            yield ("l1", "size_bytes", "value"), reason, self.l1.size_bytes.value
        if self.l1.latency_cycles.value >= self.l2.latency_cycles.value:
            reason = f"must be below caches.l2.latency_cycles, {self.l2.latency_cycles.value}"
            yield ("l1", "latency_cycles", "value"), reason, self.l1.latency_cycles.value
        if self.llc.latency_ns.value >= self.dram.latency_ns.value:
            reason = f"must be below caches.dram.latency_ns, {self.dram.latency_ns.value}"
            yield ("llc", "latency_ns", "value"), reason, self.llc.latency_ns.value
