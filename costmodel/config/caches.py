"""Groups of a machine file: the memory hierarchy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.group import Bytes, Cycles, Group, Nanoseconds, Policy
from costmodel.config.parameter import Bounds, Parameter, no_cost
from costmodel.config.schema import Problem

ALL_OF_IT = Parameter[float](
    value=1.0, low=1.0, high=1.0, kind="inferred", source="not stated: all of it"
)


class PrivateCache(Group):
    """A cache of the core."""

    size_bytes: Bytes
    """Capacity."""
    latency_cycles: Annotated[Parameter[float], Bounds(1, 200)]
    """Load to use, from the core's view."""
    cycles_per_line: Cycles = no_cost()
    """Of lines that come from it in no order: one after so many cycles, however many overlap."""
    replacement: Policy
    """What a stream larger than the cache finds."""


class LastLevelCache(Group):
    """The cache in front of memory: L3, SLC."""

    size_bytes: Bytes
    """Capacity that one core can use."""
    share: Annotated[Parameter[float], Bounds(0.01, 1)] = ALL_OF_IT
    """Of it, what this core or guest really has while others use the rest."""
    latency_ns: Annotated[Parameter[float], Bounds(1, 500)]
    """Load to use, from the core's view."""
    ns_per_line: Nanoseconds = no_cost()
    """Of lines that come from it in no order: one after so long, however many overlap."""
    replacement: Policy
    """What a stream larger than the cache finds."""


class Dram(Group):
    """Main memory."""

    latency_ns: Annotated[Parameter[float], Bounds(20, 2000)]
    """Load to use without load, from the core's view."""
    ns_per_line: Nanoseconds = no_cost()
    """Of lines that come from it in no order: one after so long, however many overlap."""


class Prefetch(Group):
    """The prefetcher of sequential streams; nothing else is prefetched."""

    depth_lines: Annotated[Parameter[int], Bounds(0, 256)]
    """How far it runs ahead of the stream."""
    ns_per_line: Annotated[Parameter[float], Bounds(0, 200)]
    """Streaming rate of one sequential stream out of memory."""
    llc_ns_per_line: Nanoseconds = no_cost()
    """The same out of the last-level cache; 0: as out of memory."""
    trains_after_lines: Annotated[Parameter[int], Bounds(1, 64)]
    """Lines of a stream that miss before it starts."""


class Dtlb(Group):
    """Data TLBs."""

    l1_entries: Annotated[Parameter[int], Bounds(1, 65536)]
    """Translations in the first level."""
    l2_entries: Annotated[Parameter[int], Bounds(1, 65536)]
    """Translations in the second level."""
    l2_latency_cycles: Annotated[Parameter[float], Bounds(0, 100)]
    """Added to a load that hits the second level only."""
    walk_ns: Annotated[Parameter[float], Bounds(0, 500)]
    """Added to a load that misses both; nested walks in a VM included."""

    def problems(self) -> Iterator[Problem]:
        """The second level is the larger one."""
        if self.l1_entries.value > self.l2_entries.value:
            reason = f"must not be above caches.dtlb.l2_entries, {self.l2_entries.value}"
            yield ("l1_entries", "value"), reason, self.l1_entries.value


class Caches(Group):
    """The memory hierarchy."""

    line_bytes: Annotated[Parameter[int], Bounds(16, 512)]
    """Line of the caches beyond the L1; lines of the L1 have 64 bytes."""
    miss_registers: Annotated[Parameter[int], Bounds(1, 256)]
    """Lines in flight beyond the L1: the limit of memory-level parallelism."""
    l1: PrivateCache
    l2: PrivateCache
    llc: LastLevelCache
    dram: Dram
    prefetch: Prefetch
    dtlb: Dtlb

    def problems(self) -> Iterator[Problem]:
        """Lines are powers of two; each level is larger and slower than the one before."""
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
