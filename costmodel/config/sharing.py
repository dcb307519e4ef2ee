"""Groups of a machine file that matter where several CPUs are at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from costmodel.config.parameter import (
    X86_64_MAYBE,
    Bounds,
    Count,
    Flag,
    Group,
    Microseconds,
    Nanoseconds,
    Parameter,
    assumed,
    no_limit,
    usual,
    usual_count,
)
from costmodel.config.schema import Problem

ONLY_MANY_CPUS = ("topology.", "locks.", "shootdown.", "tlbi.shared_", "tlbi.local_")
"""Beginnings of the keys of numbers that do not change the time of a lone CPU, unless a choice of
the machine file makes them matter."""

SHARED: Final[Mapping[str, str]] = {
    "shootdown": "interrupts that flush the TLB of other CPUs, and the wait for them",
    "interconnect": "broadcast TLB invalidations, one after the other",
    "generation": "the line with the TLB generation and the CPU mask of an address space",
    "mmap_lock": "the lock of an address space, and the line it is in",
    "zone_lock": "the page allocator behind the lists of each CPU",
    "lru_lock": "the lists of reclaim, behind the batches of each CPU",
    "memcg": "the counters of memory cgroups, behind the stock of each CPU",
    "counters": "the page counts of an address space, behind those of each CPU",
    "folio_counts": "reference and mapping counts of folios that several processes map",
    "memory": "the bandwidth of a socket's memory",
    "llc": "the capacity of the last-level cache",
}
"""What CPUs can share, by the name that ``unshared`` takes."""

# Where the numbers come from that a machine file does not state.
_LINES = "46 to 132 ns in a socket, 107 to 265 between two (core-to-core-latency, five servers)"
_NO_SOURCE = "no source: a bound"
_UNDER_LOCK = "no source: a miss on a struct page or less; a free through lists takes 30 to 60 ns"
_AS_XEON = "as xeon-4210r, with wider bounds"
_FABRIC = "one round trip of the fabric; no source in cycles for any part"


class Topology(Group):
    """What hardware the CPUs of a machine share, and how far they are from each other."""

    sockets: Annotated[Parameter[int], Bounds(1, 64)] = usual_count(
        1, 1, 2, "one, or two as in servers"
    )
    """Sockets, or NUMA nodes with an interconnect of their own; CPUs fill the first one first."""
    cpus_per_llc: Count = no_limit(4096)
    """CPUs that share one last-level cache; 4096: all CPUs of a socket."""
    line_ns: Nanoseconds = usual(50, 20, 150, _LINES)
    """Time to transfer a cache line from another CPU of the socket, one way."""
    far_line_ns: Nanoseconds = usual(140, 90, 400, _LINES)
    """Time to transfer a cache line from a CPU of another socket, one way."""
    memory_bytes_per_ns: Annotated[Parameter[float], Bounds(1, 10000)] = usual(
        100, 20, 600, "95 to 460 in the files that state it"
    )
    """Bandwidth of the memory of a socket; 1 byte per ns is 1 GB/s."""


class Locks(Group):
    """Locks and counters of the kernel that CPUs share: how much is done at once, and how long it
    takes."""

    zone_page_ns: Nanoseconds = usual(22, 8, 60, _UNDER_LOCK)
    """Time under the lock of a zone for each page that moves between a CPU's list and the zone."""
    list_batch_pages: Annotated[Parameter[int], Bounds(1, 65536)] = usual_count(
        63, 31, 2016, "63 in a zone of 1 GiB or more, up to 63 << 5 since v6.7 (mm/page_alloc.c)"
    )
    """Pages that move between a CPU's list and the zone at once (pcp batch)."""
    lru_folio_ns: Nanoseconds = usual(15, 5, 40, _UNDER_LOCK)
    """Time under the LRU lock for each folio that is added or removed."""
    lru_batch_folios: Annotated[Parameter[int], Bounds(1, 4096)] = usual_count(
        15, 15, 31, "15 up to v6.8, 31 since (commit 9cecde80aae0)"
    )
    """Folios added or removed under one LRU lock: 15 up to v6.8, 31 since."""
    memcg_batch_pages: Annotated[Parameter[int], Bounds(1, 4096)] = usual_count(
        64, 32, 64, "64 since v6.1 (commit 1813e51eece0)"
    )
    """Pages that a CPU charges to its memory cgroup at once: 32 up to v6.0, 64 since."""
    memcg_levels: Annotated[Parameter[int], Bounds(0, 16)] = usual_count(
        2, 1, 5, "no source: a service and its slice"
    )
    """Memory cgroups above a process, each with a counter; 0: none."""
    vma_locks: Flag = assumed(True)
    """Page faults take the lock of their VMA (v6.4), not that of the address space."""


class Shootdown(Group):
    """x86: invalidations on other CPUs, by interrupt or by INVLPGB."""

    send_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(100, 30, 300, _AS_XEON)
    """Time of one write to the interrupt controller, which reaches ``send_cpus`` CPUs. In a guest
    whose hypervisor intercepts the write, it contains the exit."""
    send_cpus: Annotated[Parameter[int], Bounds(1, 64), X86_64_MAYBE] = usual_count(
        16, 1, 16, "x2APIC cluster mode"
    )
    """CPUs reached by one write: 16 in x2APIC cluster mode, 1 in physical mode."""
    delivery_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(500, 200, 1500, _AS_XEON)
    """Time from the write to the first instruction of the handler on a CPU of the same socket."""
    far_delivery_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(800, 300, 3000, _AS_XEON)
    """Time from the write to the first instruction of the handler on a CPU of another socket."""
    handler_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(
        350, 150, 1000, "250 to 400 in the files of bare metal, none with a source"
    )
    """Time of the handler's entry and exit, without the flush and without waits for cache lines."""
    invlpg_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(60, 25, 145, _AS_XEON)
    """Time of one INVLPG."""
    full_flush_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(80, 30, 300, _AS_XEON)
    """Time to flush all translations of an address space, without loading them again."""
    ceiling_pages: Annotated[Parameter[int], Bounds(0, 512), X86_64_MAYBE] = usual_count(
        33, 33, 33, "arch/x86/mm/tlb.c, commit a5102476a24b"
    )
    """More pages than this are flushed as a whole (tlb_single_page_flush_ceiling)."""
    idle_wake_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(2000, 500, 10000, _NO_SOURCE)
    """By how much delivery to an idle CPU takes longer; only flushes that free page tables are sent
    to idle CPUs."""
    reads_generation: Annotated[Flag, X86_64_MAYBE] = assumed(False)
    """Each handler reads the generation of the address space: kernels before v6.0 always do."""
    lazy_mask: Annotated[Flag, X86_64_MAYBE] = assumed(False)
    """A CPU stays in the mask of an address space (mm_cpumask) after it has switched to another
    one, until a flush interrupts it in vain: kernels from v6.14 on (commit 209954cbc7d0)."""
    mask_trim_us: Annotated[Microseconds, X86_64_MAYBE] = usual(
        1e6, 1e6, 1e6, "HZ jiffies, arch/x86/mm/tlb.c of v6.14 (commit 6db2526c1d69)"
    )
    """Time between two flushes of an address space that go to such CPUs; those that free page
    tables always do. 0: all flushes do (commit 209954cbc7d0 alone)."""
    invlpgb: Annotated[Flag, X86_64_MAYBE] = assumed(False)
    """CPU, hypervisor and kernel (v6.15) have INVLPGB and TLBSYNC in use."""
    invlpgb_cpus: Annotated[Count, X86_64_MAYBE] = usual_count(
        3, 3, 4, "arch/x86/mm/tlb.c of v6.15"
    )
    """CPUs on which an address space is active before the kernel uses INVLPGB for it."""
    invlpgb_pages: Annotated[Count, X86_64_MAYBE] = usual_count(
        8, 1, 8, "CPUID leaf 80000008, count field 7 (InstLatx64 dumps of Milan, Genoa)"
    )
    """Pages that one INVLPGB covers."""
    invlpgb_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(
        80, 30, 300, "100 to 300 cycles of issue; no source"
    )
    """Time to issue one INVLPGB."""
    tlbsync_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(500, 300, 1000, _FABRIC)
    """Time of TLBSYNC: until every CPU of the socket has done the invalidations."""
    far_tlbsync_ns: Annotated[Nanoseconds, X86_64_MAYBE] = usual(1000, 600, 2000, _FABRIC)
    """Time of TLBSYNC where CPUs of other sockets have to do the invalidations too."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where another socket would be nearer than the own one."""
        for near, far in (("delivery_ns", "far_delivery_ns"), ("tlbsync_ns", "far_tlbsync_ns")):
            if getattr(self, far).value < getattr(self, near).value:
                reason = f"must not be below shootdown.{near}, {getattr(self, near).value:g}"
                yield (far, "value"), reason, getattr(self, far).value
