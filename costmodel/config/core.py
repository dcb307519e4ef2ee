"""Groups of a machine file: the core, and what its special instructions cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.parameter import (
    ARM64,
    ARM64_MAYBE,
    NO_FLAG,
    NO_NUMBER,
    X86_64,
    X86_64_MAYBE,
    Bounds,
    Count,
    Cycles,
    Flag,
    Group,
    Nanoseconds,
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
    """Clock frequency under the benchmark, with the turbo as published."""
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
    branches_in_flight: Count = no_limit(4096)
    """Branches in flight, taken or not, calls and returns among them."""
    calls_in_flight: Count = no_limit(4096)
    """Calls and returns in flight."""
    results_in_flight: Count = no_limit(4096)
    """Results of loads and integer operations in flight: registers for renaming."""
    alu_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Integer operations started per cycle."""
    branch_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Branches started per cycle."""
    branches_take_alu_ports: Flag = assumed(False)
    """A branch takes an integer port as well, because branches execute on those."""
    load_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Loads started per cycle."""
    store_ports: Annotated[Parameter[int], Bounds(1, 16)]
    """Stores started per cycle."""
    address_units: Annotated[Parameter[int], Bounds(1, 32)] = no_limit(32)
    """Loads and stores started per cycle, both together."""
    access_dispatch_width: Annotated[Parameter[int], Bounds(1, 32)] = no_limit(32)
    """Loads and stores dispatched per cycle, both together: what their unit takes."""
    store_dispatch_width: Annotated[Parameter[int], Bounds(1, 32)] = no_limit(32)
    """Stores dispatched per cycle."""
    store_commit_cycles: Annotated[Parameter[float], Bounds(0, 20)] = no_cost()
    """Time between two stores that leave for the L1; 0: as many leave per cycle as start."""
    store_line_commit_cycles: Annotated[Parameter[float], Bounds(0, 20)] = no_cost()
    """The same where the store goes to another line than the store before it; 0: no difference."""
    store_leave_cycles: Annotated[Parameter[float], Bounds(0, 20)] = no_cost()
    """Time from the retirement of a store until it can leave for the L1."""
    mul_ports: Annotated[Parameter[int], Bounds(1, 16)] = no_limit(16)
    """Multiplications started per cycle; each takes an integer port as well."""
    mul_cycles: Annotated[Parameter[float], Bounds(0, 40)] = no_cost()
    """Time for which a multiplication keeps its ports, at most its latency; 0: a cycle."""
    mul_latency_cycles: Annotated[Parameter[float], Bounds(1, 40)]
    """Latency of a 64-bit multiplication."""
    store_forward_cycles: Annotated[Parameter[float], Bounds(0, 60)]
    """Latency of a load that takes its data from an older store which is still in the queue."""
    mispredict_penalty_cycles: Annotated[Parameter[float], Bounds(1, 60)]
    """Time from the resolution of a mispredicted branch to the next dispatch."""
    branch_history_length: Annotated[Parameter[int], Bounds(0, 4096)]
    """The longest loop, in iterations, whose exit is predicted."""
    eliminates_moves: Flag
    """Register moves cost a dispatch slot but no port and no latency."""
    fuses_compare_branch: Flag
    """A compare and the conditional branch behind it take one slot."""
    fuses_arithmetic_branch: Flag = assumed(False)
    """So do an addition, subtraction or logical operation and the conditional branch behind it."""
    eliminates_immediates: Flag = assumed(True)
    """Loading a constant costs a dispatch slot but no port."""
    eliminates_zero_idioms: Flag = assumed(True)
    """Setting a register to zero costs a dispatch slot but no port."""
    fetch_width: Annotated[Parameter[int], Bounds(1, 64)] = no_limit(64)
    """Micro-ops fetched per cycle, up to a taken branch."""
    fetch_queue_entries: Count = no_limit(4096)
    """How many micro-ops fetch can run ahead of dispatch."""
    taken_branches_per_cycle: Annotated[Parameter[float], Bounds(0.05, 64)] = NO_BRANCH_LIMIT
    """Taken branches that fetch follows per cycle, but where a small loop or a first level of
    targets makes it faster; 64: as many as there are."""
    small_loop_entries: Annotated[Parameter[int], Bounds(0, 4096)] = NO_OPERATIONS
    """The most micro-ops of a loop that fetch follows faster than others, because a loop buffer
    holds it; 0: none."""
    small_loop_taken_branches_per_cycle: Annotated[Parameter[float], Bounds(0.05, 64)] = (
        NO_BRANCH_LIMIT
    )
    """Taken branches that fetch follows per cycle in a loop of at most ``small_loop_entries``, and
    to one of ``branch_targets``."""
    branch_targets: Annotated[Parameter[int], Bounds(0, 4096)] = NO_OPERATIONS
    """Branch targets that the first level of their buffer holds, which fetch follows as fast as
    those of a small loop; 0: there is no such level. With three times as many taken since it was
    last, a branch is followed at ``taken_branches_per_cycle``, and in between in proportion."""
    call_return_cycles: Cycles = no_cost()
    """Fetch cycles of a call or a return, where these are more than those of another taken
    branch."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where a load or store queue is larger than the reorder buffer."""
        for name in ("load_queue_entries", "store_queue_entries"):
            entries = getattr(self, name).value
            if entries > self.rob_entries.value:
                reason = f"must not be above core.rob_entries, {self.rob_entries.value}"
                yield (name, "value"), reason, entries


class Atomics(Group):
    """Atomic read-modify-write operations on a line that the core owns."""

    value_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of an atomic that returns the old value (ldadd, swp), executed near."""
    cas_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of a compare-and-swap without ordering."""
    store_only_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Time that an atomic without result (stadd, stclr) occupies its unit; nothing waits for it."""
    line_change_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Time from the start of an update to the start of the next one in another 64-byte line,
    because one line is locked at a time. In the same line it is store_only_cycles."""
    acquire_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Latency of an atomic with acquire semantics (a spin lock)."""
    locked_cycles: Annotated[Cycles, X86_64] = NO_NUMBER
    """Time from the start of a locked operation, which is a full barrier, until its write is done.
    Where locked_retires_cycles is larger, the write is done only then."""
    locked_alone: Annotated[Flag, X86_64_MAYBE] = assumed(True)
    """A locked operation starts when it is the oldest micro-op and the store queue is drained, and
    younger loads wait for it. Otherwise it waits for older locked operations and loads, and only
    younger accesses to lines that are not in the L1 wait for it."""
    locked_oldest: Annotated[Flag, X86_64_MAYBE] = assumed(False)
    """Where locked_alone is false: a locked operation still starts when it is the oldest micro-op
    and the store queue is drained, but its line is requested before."""
    locked_retires_cycles: Annotated[Cycles, X86_64_MAYBE] = no_cost()
    """Time from the start of a locked operation until it retires; 0: until its write is done. The
    write is done no earlier, so locked_cycles below it changes nothing."""
    locked_in_flight: Annotated[Count, X86_64_MAYBE] = no_limit(4096)
    """The most locked operations between dispatch and retirement."""
    locked_alu_operations: Annotated[Parameter[int], Bounds(0, 16), X86_64_MAYBE] = NO_OPERATIONS
    """Integer ports that a locked operation occupies for a cycle."""
    locked_again_cycles: Annotated[Cycles, X86_64_MAYBE] = no_cost()
    """Additional time of an access whose word an unfinished locked operation writes: it is refused,
    and tried again so much later than that write is done. 0: its data are forwarded. Where
    locked_oldest rules, any older store of its word refuses a locked operation as well; elsewhere
    only loads are refused."""
    in_flight: Annotated[Count, ARM64_MAYBE] = no_limit(4096)
    """The most atomics that may be unfinished when the next one retires."""
    far: Annotated[Flag, ARM64] = NO_FLAG
    """Atomics without result are executed at the home node when the core does not own the line."""
    near_when_loaded: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """A line that the core loaded before counts as owned, because no other core had it."""
    far_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Round trip to the home node."""


class Barriers(Group):
    """The cost of barriers with nothing pending; what they wait for is counted where it arises."""

    dsb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Data synchronisation barrier."""
    dmb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Data memory barrier."""
    isb_cycles: Annotated[Cycles, ARM64] = NO_NUMBER
    """Instruction barrier: everything younger is fetched again."""


class Mitigations(Group):
    """What a stock kernel of 2024 does on this CPU against speculation; ``mitigations: off`` in a
    scenario leaves it out."""

    returns_mispredict: Flag = assumed(False)
    """Every return is mispredicted by design (Safe RET)."""
    return_cycles: Cycles = no_cost()
    """Additional fetch cycles of a return: the instructions of its thunk."""
    indirect_cycles: Cycles = no_cost()
    """Cycles from an indirect call or jump until what is behind it is fetched, where it goes
    through a retpoline; 0: it is predicted as others are."""


class Tlbi(Group):
    """TLB maintenance."""

    range: Annotated[Flag, ARM64] = NO_FLAG
    """FEAT_TLBIRANGE: one instruction invalidates a range of translations."""
    issue_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Time to issue one TLBI; they are issued one after the other."""
    broadcast_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """Time until invalidations are complete on all CPUs, which the DSB waits for."""
    per_cpu_ns: Annotated[Nanoseconds, ARM64] = NO_NUMBER
    """How long one TLBI with its DSB holds the interconnect: by this much the completion takes
    longer for each further CPU that broadcasts at the same time."""
    shared_ns: Annotated[Nanoseconds, ARM64_MAYBE] = no_cost()
    """How long each further TLBI before the same DSB holds the interconnect; 0: as long as its
    issue takes."""
    shared_growth_pct: Annotated[Parameter[float], Bounds(0, 100), ARM64_MAYBE] = no_cost()
    """By how much per_cpu_ns and shared_ns grow with each other CPU that waits for the
    interconnect, because operations that find its queue full are sent again."""
    shared_requests: Annotated[Count, ARM64_MAYBE] = no_limit(4096)
    """The number of waiting CPUs from which on they grow no further: the request nodes of the
    mesh."""
    shared_far_factor: Annotated[Parameter[float], Bounds(1, 20), ARM64_MAYBE] = usual(
        2, 1, 4, "no source: a bound"
    )
    """The factor by which per_cpu_ns and shared_ns are longer where CPUs of two sockets
    broadcast."""
    shared_stolen_ns: Annotated[Nanoseconds, ARM64_MAYBE] = no_cost()
    """Time that a TLBI takes from every other CPU. Where several CPUs broadcast, TLBIs follow each
    other no faster."""
    local_ns: Annotated[Nanoseconds, ARM64_MAYBE] = usual(
        20, 10, 60, "10 ns at 1.8 GHz on a Phytium FTC862 (pKVM munmap study, 2026)"
    )
    """Time of one TLBI that is not broadcast."""
    local_only: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """The kernel does not broadcast TLBIs of an address space that ran on one CPU only."""
    repeats: Annotated[Flag, ARM64_MAYBE] = assumed(False)
    """The kernel repeats a TLBI and the DSB at each synchronisation, because of an erratum."""
    cpus_online: Annotated[Parameter[int], Bounds(1, 4096)]
    """Online CPUs of the machine, all sockets together."""
    asid_flush_ns: Nanoseconds
    """Time to flush the whole address space, as at the end of fork() and of an unmap."""
