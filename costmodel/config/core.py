"""Groups of a machine file: the core, and what its special instructions cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.group import Count, Cycles, Flag, Group, Nanoseconds
from costmodel.config.parameter import (
    ARM64,
    ARM64_MAYBE,
    NO_FLAG,
    NO_NUMBER,
    X86_64,
    X86_64_MAYBE,
    Bounds,
    Parameter,
    assumed,
    no_cost,
    no_limit,
    usual,
)
from costmodel.config.schema import Problem

NO_BRANCH_LIMIT = Parameter[float](
    value=64.0, low=64.0, high=64.0, kind="inferred", source="not stated: no such limit"
)
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
