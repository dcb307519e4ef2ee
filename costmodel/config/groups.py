"""The groups of a machine file. The docstrings here are the text of docs/machine-file.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, model_validator

from costmodel.config.parameter import (
    ARM64,
    ARM64_MAYBE,
    NO_FLAG,
    NO_NUMBER,
    X86_64,
    X86_64_MAYBE,
    Bounds,
    Choice,
    Parameter,
    assumed,
    no_cost,
    no_limit,
    usual,
)
from costmodel.config.schema import STRICT, Problem, raise_problems
from costmodel.config.sizes import Size

Replacement = Literal["lru", "random", "adaptive"]
"""lru: a cyclic stream larger than the cache always misses; random: it hits in part; adaptive:
the cache keeps the part of the stream that fits."""

SIZE_KEYS = ("size_bytes", "linear_map_bytes", "host_page_bytes")
"""How the keys of sizes end: printed with a unit."""

Flag = Choice[bool]
Policy = Choice[Replacement]
Count = Annotated[Parameter[int], Bounds(1, 4096)]
Bytes = Annotated[Parameter[Size], Bounds(1024, 2**40)]
Cycles = Annotated[Parameter[float], Bounds(0, 2000)]
Nanoseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Microseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Percent = Annotated[Parameter[float], Bounds(0, 50)]


class Group(BaseModel):
    """Parameters that belong together."""

    model_config = STRICT

    def problems(self) -> Iterator[Problem]:
        """Yield what contradicts itself between the parameters of the group."""
        yield from ()

    @model_validator(mode="after")
    def _consistent(self) -> Group:
        raise_problems(type(self).__name__, self.problems())
        return self


NO_BRANCH_LIMIT = Parameter[float](
    value=64.0, low=64.0, high=64.0, kind="inferred", source="not stated: no such limit"
)


ALL_OF_IT = Parameter[float](
    value=1.0, low=1.0, high=1.0, kind="inferred", source="not stated: all of it"
)
NO_HOST = Parameter[int](
    value=2**30, low=2**30, high=2**30, kind="inferred", source="not stated: no guest"
)
FURTHER_RANGE = Parameter[float](
    value=15.0,
    low=10.0,
    high=20.0,
    kind="inferred",
    source="not stated: a guess made knowing 20250404210700.2156-1-sj@kernel.org, whose machine "
    "has no name (docs/zap.md); no machine was measured for it",
)
_ZEN3 = "about 20 and 800 further VMAs in a Zen 3 guest (2026)"
_MT_DUP = "the cover letter of __mt_dup() (August 2023)"
FORK_VMA = usual(250, 160, 340, f"between {_MT_DUP} and {_ZEN3}, without their entries")
VMA_INSERT = usual(170, 100, 250, f"481 against 310 ns for fork, exit and wait in {_MT_DUP}")
EXIT_VMA = usual(230, 140, 320, f"between {_MT_DUP} and {_ZEN3}")
EXIT_WAIT = usual(110, 60, 200, f"65 us behind a fork of 53 us, {_ZEN3}")
EXEC = usual(600, 300, 1000, f"posix_spawn() of a static program 327 us above vfork(), {_ZEN3}")
MM_CPU = usual(107, 20, 214, "at most 41 us at 192 CPUs, 20230608111408.s2minsenlcjow7q3@quack3")
NO_OPERATIONS = Parameter[int](value=0, low=0, high=0, kind="inferred", source="not stated: none")


class Core(Group):
    """The out-of-order core."""

    clock_ghz: Annotated[Parameter[float], Bounds(0.1, 10)]
    """Clock under the benchmark, turbo as published."""
    width: Annotated[Parameter[int], Bounds(1, 32)]
    """Micro-ops dispatched per cycle."""
    retire_width: Annotated[Parameter[int], Bounds(1, 64)]
    """Micro-ops retired per cycle."""
    rob_entries: Annotated[Parameter[int], Bounds(8, 4096)]
    """Micro-ops in flight: the reorder buffer."""
    load_queue_entries: Count
    """Loads in flight."""
    store_queue_entries: Count
    """Stores in flight, from dispatch until they leave for the L1."""
    alu_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Integer operations started per cycle."""
    branch_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Branches started per cycle."""
    load_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Loads started per cycle."""
    store_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Stores started per cycle."""
    address_units: Annotated[Parameter[int], Bounds(1, 32)] = no_limit(32)
    """Loads and stores started per cycle together."""
    store_commit_cycles: Annotated[Parameter[float], Bounds(0, 20)] = no_cost()
    """From one store that leaves for the L1 to the next; 0: as many leave as start."""
    mul_ports: Annotated[Parameter[int], Bounds(1, 16)] = no_limit(16)
    """Multiplications started per cycle; each takes an integer port as well."""
    mul_latency_cycles: Annotated[Parameter[float], Bounds(1, 40)]
    """A 64-bit multiplication."""
    store_forward_cycles: Annotated[Parameter[float], Bounds(0, 60)]
    """A load that takes its data from an older store still in the queue."""
    mispredict_penalty_cycles: Annotated[Parameter[float], Bounds(1, 60)]
    """From the resolution of a mispredicted branch to the next dispatch."""
    branch_history_length: Annotated[Parameter[int], Bounds(0, 4096)]
    """The longest loop, in iterations, whose exit is predicted."""
    eliminates_moves: Flag
    """Register moves cost a dispatch slot but no port and no latency."""
    fuses_compare_branch: Flag
    """A compare and the conditional branch behind it take one slot."""
    eliminates_immediates: Flag = assumed(True)
    """Loading a constant costs a dispatch slot but no port."""
    eliminates_zero_idioms: Flag = assumed(True)
    """Setting a register to zero costs a dispatch slot but no port."""
    fetch_width: Annotated[Parameter[int], Bounds(1, 64)] = no_limit(64)
    """Micro-ops fetched per cycle, up to a taken branch."""
    fetch_queue_entries: Count = no_limit(4096)
    """Micro-ops that fetch runs ahead of dispatch."""
    taken_branches_per_cycle: Annotated[Parameter[float], Bounds(0.05, 64)] = NO_BRANCH_LIMIT
    """Taken branches that fetch follows per cycle; 64: as many as there are."""
    small_loop_entries: Annotated[Parameter[int], Bounds(0, 4096)] = NO_OPERATIONS
    """Micro-ops of a loop that is small for fetch: a loop buffer, the branches of a first-level
    predictor."""
    small_loop_taken_branches_per_cycle: Annotated[Parameter[float], Bounds(0.05, 64)] = (
        NO_BRANCH_LIMIT
    )
    """Taken branches followed per cycle in such loops."""
    call_return_cycles: Cycles = no_cost()
    """Fetch cycles of a call or a return, where that is more than of another taken branch."""

    def problems(self) -> Iterator[Problem]:
        """A queue cannot hold more than the reorder buffer."""
        for name in ("load_queue_entries", "store_queue_entries"):
            entries = getattr(self, name).value
            if entries > self.rob_entries.value:
                reason = f"must not be above core.rob_entries, {self.rob_entries.value}"
                yield (name, "value"), reason, entries


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


class Atomics(Group):
    """Atomic read-modify-write operations on a line that the core owns."""

    value_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of one that returns the old value (ldadd, swp), executed near."""
    cas_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of compare-and-swap without ordering."""
    store_only_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Occupancy of one without result (stadd, stclr): nothing waits for it."""
    line_change_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """From the start of an update to that of the next in another 64-byte line (in the same line:
    the occupancy): one line is locked at a time."""
    acquire_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of one with acquire semantics (a spin lock)."""
    locked_cycles: Annotated[Cycles, X86_64] = NO_NUMBER
    """A locked operation, a full barrier: from its start until its write is done."""
    locked_alone: Annotated[Flag, X86_64_MAYBE] = assumed(True)
    """A locked operation starts as the oldest micro-op with the store queue drained, and younger
    loads wait for it. Otherwise it follows older locked operations and loads, and only lines that
    are not in the L1 wait for it."""
    locked_oldest: Annotated[Flag, X86_64_MAYBE] = assumed(False)
    """Where it is not alone: it starts as the oldest micro-op, with the store queue drained; its
    line is asked for before."""
    locked_retires_cycles: Annotated[Cycles, X86_64_MAYBE] = no_cost()
    """From its start until it retires, where its write takes longer; 0: as long."""
    locked_in_flight: Annotated[Count, X86_64_MAYBE] = no_limit(4096)
    """Locked operations between dispatch and retirement."""
    locked_alu_operations: Annotated[Parameter[int], Bounds(0, 16), X86_64_MAYBE] = NO_OPERATIONS
    """Integer ports that a locked operation takes for a cycle."""
    in_flight: Annotated[Count, ARM64_MAYBE] = no_limit(4096)
    """Atomics that are not finished when the next one retires, at most."""
    far: Annotated[Flag, ARM64] = NO_FLAG
    """Those without result go to the home node when the core does not own the line."""
    near_when_loaded: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """A line that the core loaded before counts as owned: nobody else had it."""
    far_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Round trip to the home node."""


class Barriers(Group):
    """Barriers with nothing pending: what they wait for is counted where it arises."""

    dsb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Data synchronisation barrier."""
    dmb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Data memory barrier."""
    isb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Instruction barrier: refetch."""


class Mitigations(Group):
    """What a stock kernel of 2024 does on this CPU against speculation; ``mitigations: off`` in a
    scenario leaves it out."""

    returns_mispredict: Flag = assumed(False)
    """Every return is mispredicted by design (Safe RET)."""
    return_cycles: Cycles = no_cost()
    """Fetch cycles that a return takes longer: the instructions of its thunk."""


class Tlbi(Group):
    """TLB maintenance."""

    range: Annotated[Flag, ARM64] = NO_FLAG
    """FEAT_TLBIRANGE: one instruction invalidates a range."""
    issue_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Each TLBI, one after the other."""
    broadcast_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Completion on all CPUs, paid at the DSB."""
    per_cpu_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """For how long one TLBI with its DSB holds the interconnect: the growth of the completion with
    each further CPU that broadcasts at the same time."""
    shared_ns: Annotated[Nanoseconds, ARM64_MAYBE] = no_cost()
    """For how long each further TLBI before the same DSB holds the interconnect; 0: as long as its
    issue takes."""
    shared_growth_pct: Annotated[Parameter[float], Bounds(0, 100), ARM64_MAYBE] = no_cost()
    """By how much both grow with each other CPU that waits for the interconnect: operations that
    find its queue full are sent again."""
    shared_requests: Annotated[Count, ARM64_MAYBE] = no_limit(4096)
    """From how many waiting CPUs on they grow no further: the request nodes of the mesh."""
    shared_far_factor: Annotated[Parameter[float], Bounds(1, 20), ARM64_MAYBE] = usual(
        2, 1, 4, "no source: a bound"
    )
    """Both last so many times as long where CPUs of two sockets broadcast."""
    shared_stolen_ns: Annotated[Nanoseconds, ARM64_MAYBE] = no_cost()
    """What a TLBI takes from every other CPU at work."""
    local_ns: Annotated[Nanoseconds, ARM64_MAYBE] = usual(
        20, 10, 60, "10 ns at 1.8 GHz on a Phytium FTC862 (pKVM munmap study, 2026)"
    )
    """One TLBI that is not broadcast."""
    local_only: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """The kernel does not broadcast TLBIs of an address space that ran on one CPU only."""
    repeats: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """The kernel repeats a TLBI and the DSB at each synchronisation, for an erratum."""
    cpus_online: Annotated[Parameter[int], Bounds(1, 4096)]
    """CPUs of the machine, all sockets together."""
    asid_flush_ns: Nanoseconds
    """The flush of the whole address space at the end of fork() and of an unmap."""


class Kernel(Group):
    """What the kernel does around the copy loop."""

    table_alloc_ns: Nanoseconds
    """One page table beyond its recorded instructions: allocator slow path, amortised."""
    zero_bytes_per_ns: Annotated[Parameter[float], Bounds(0.1, 1000)]
    """Rate of clearing a page; 1 byte per ns is 1 GB/s."""
    fork_fixed_us: Microseconds
    """fork() without the copy loop: task, mm, the VMAs of a small program."""
    fork_vma_ns: Nanoseconds = FORK_VMA
    """fork() for each further VMA, where the tree of VMAs is duplicated."""
    vma_insert_ns: Nanoseconds = VMA_INSERT
    """What that takes more in kernels before v6.8, which put VMAs into the tree one by one."""
    exit_vma_ns: Nanoseconds = EXIT_VMA
    """exit() for each of these VMAs."""
    exit_wait_pct: Annotated[Parameter[float], Bounds(0, 1000)] = EXIT_WAIT
    """exit() and wait() of a small process beside its page tables, in percent of fork_fixed_us."""
    exec_pct: Annotated[Parameter[float], Bounds(0, 10000)] = EXEC
    """execve() of a small static program, its start and what its end takes more, in percent of
    fork_fixed_us."""
    mm_cpu_ns: Nanoseconds = MM_CPU
    """What an address space takes for each online CPU: counters that are set up, added up, freed.
    fork_fixed_us holds those of fork() itself."""
    unmap_call_ns: Nanoseconds
    """One munmap() or madvise() call without its page tables: entry, locks, VMA, mmu_gather."""
    unmap_range_pct: Annotated[Parameter[float], Bounds(0, 100)] = FURTHER_RANGE
    """A further range of the same madvise() call, in percent of that call: the range is read, its
    VMA found, an mmu_gather begun."""
    table_free_ns: Nanoseconds
    """Taking one empty page table out and freeing it, at the end of munmap() and exit."""
    tick_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """Timer ticks per second (CONFIG_HZ)."""
    tick_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """One timer tick, VM exits included."""
    linear_map_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)]
    """Block size of the kernel's mapping of memory: what the TLB sees of page tables."""
    host_page_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)] = NO_HOST
    """In a guest, what the host maps its memory with: a translation covers no more."""

    def problems(self) -> Iterator[Problem]:
        """Between two ticks there is time left for the kernel's work."""
        busy = self.tick_hz.value * self.tick_us.value / 1e6
        if busy >= 1:
            reason = f"must be shorter than the tick period, {1e6 / self.tick_hz.value:g} us"
            yield ("tick_us", "value"), reason, self.tick_us.value


class VmSteal(Group):
    """Time that the host takes from a virtual CPU."""

    rate_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """Events per second."""
    mean_us: Annotated[Parameter[float], Bounds(0, 1e6)]
    """Mean length of one."""


class Noise(Group):
    """What spreads the samples, by cause; each can be switched off."""

    run_scattered_pct: Percent
    """Between runs, one standard deviation: frames scattered (order-0 folios)."""
    run_contiguous_pct: Percent
    """Between runs, one standard deviation: contiguous frames (large folios)."""
    iteration_pct: Percent
    """Between the iterations of a run, one standard deviation."""
    tick_jitter_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """Standard deviation of one timer tick."""
    vm_steal: VmSteal
