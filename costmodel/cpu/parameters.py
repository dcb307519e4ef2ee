"""Converts machine numbers into the integers that the core computes with.

Nothing else of a machine reaches the core.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from costmodel.config.core import NO_BRANCH_LIMIT
from costmodel.config.machine import Machine
from costmodel.cpu import columns as c
from costmodel.units import LINE_BYTES, TICKS_PER_CYCLE

SYSTEM_CYCLES = 4
"""Latency of system instructions such as reading a register; no published loop has any."""

ONLY_FOR = {
    "mul": (c.OP_MUL,),
    "mul_ports": (c.OP_MUL,),
    "mul_keeps": (c.OP_MUL,),
    "immediates_free": (c.OP_IMMEDIATE,),
    "zeros_free": (c.OP_ZERO_IDIOM,),
    "taken": c.TAKEN,
    "taken_quickly": c.TAKEN,
    "call": (c.OP_CALL, c.OP_RETURN),
    "ret": (c.OP_RETURN,),
    "returns_mispredict": (c.OP_RETURN,),
    "indirect": (c.OP_CALL, c.OP_JUMP),
    "system": (c.OP_SYSTEM,),
    "mispredict": (c.OP_BRANCH, c.OP_JUMP, c.OP_RETURN),
    "zero_line": (c.OP_ZERO_LINE, c.OP_ZERO_BLOCK),
    "value": (c.OP_RMW_VALUE,),
    "cas": (c.OP_RMW_CAS,),
    "acquire": (c.OP_RMW_ACQUIRE,),
    "store_only": c.ATOMICS,
    "line_change": c.ATOMICS,
    "in_flight": c.ATOMICS,
    "branches": c.BRANCHES,
    "calls": c.CALLS,
    "results": c.RESULTS,
    "locked": (c.OP_LOCKED,),
    "locked_alone": (c.OP_LOCKED,),
    "locked_oldest": (c.OP_LOCKED,),
    "locked_writes": (c.OP_LOCKED,),
    "locked_in_flight": (c.OP_LOCKED,),
    "locked_alus": (c.OP_LOCKED,),
    "locked_again": (c.OP_LOCKED,),
    "far_trip": (c.OP_RMW_STORE,),
    "dsb": (c.OP_DSB, c.OP_DSB_ALL),
    "dmb": (c.OP_DMB,),
    "isb": (c.OP_ISB,),
    "tlbi_issue": (c.OP_TLBI,),
    "tlbi_posted": (c.OP_TLBI,),
    "broadcast": (c.OP_TLBI,),
}
"""Parameters that matter only to some operations, with these; a test checks it."""


class Parameters(NamedTuple):
    """The numbers of a machine for the core: times are in ticks, the others are counts or flags.

    It is a flat tuple of integers. Compiled code takes it as a record with the same fields.
    """

    width: int
    access_width: int
    """Loads and stores dispatched per cycle, both together; at most ``width``."""
    store_width: int
    """Stores dispatched per cycle; at most ``width``."""
    retire_width: int
    rob: int
    load_queue: int
    """Loads in flight; 0 for no limit but that of the reorder buffer, as for the next three."""
    branches: int
    calls: int
    """Calls and returns in flight."""
    results: int
    """Results in registers, until those retire that compute them."""
    store_queue: int
    alu_ports: int
    branch_ports: int
    branches_on_alus: int
    load_ports: int
    store_ports: int
    address_units: int
    mul_ports: int
    miss_registers: int
    moves_free: int
    immediates_free: int
    zeros_free: int
    fetches: int
    """1 where fetch can be slower than dispatch."""
    fetch_width: int
    fetch_queue: int
    taken: int
    taken_quickly: int
    call: int
    ret: int
    """Fetch time of a return beyond that of a call."""
    returns_mispredict: int
    indirect: int
    """Time from an indirect call or jump until what is behind it is fetched; 0: it is predicted."""
    mul: int
    mul_keeps: int
    system: int
    mispredict: int
    l1: int
    l2: int
    llc: int
    dram: int
    l2_gap: int
    write_back: int
    """Time of the L2 for a line that goes back to it."""
    llc_gap: int
    dram_gap: int
    tlb_l2: int
    tlb_walk: int
    forward: int
    store_drain: int
    store_line_drain: int
    store_leaves: int
    """Time from the retirement of a store until it can leave for the L1."""
    stream_gap: int
    """Time between two lines of a stream out of memory."""
    llc_stream_gap: int
    zero_line: int
    value: int
    cas: int
    acquire: int
    store_only: int
    line_change: int
    in_flight: int
    """The most atomics in flight; 0 for no limit, as for ``locked_in_flight``."""
    locked: int
    locked_writes: int
    """Time from the retirement of a locked operation until its write is done."""
    locked_alone: int
    locked_oldest: int
    locked_in_flight: int
    locked_alus: int
    locked_again: int
    """Time that an access takes longer which waits for a locked operation to write its word."""
    far: int
    far_trip: int
    dsb: int
    dmb: int
    isb: int
    tlbi_issue: int
    tlbi_posted: int
    broadcast: int


def cycles_to_ticks(cycles: float) -> int:
    """Return a latency in ticks, at least one: nothing takes no time at all."""
    return max(1, round(cycles * TICKS_PER_CYCLE))


def _or_nothing(cycles: float) -> int:
    """Return a cost in ticks, which may be 0."""
    return round(cycles * TICKS_PER_CYCLE)


def _between(branches_per_cycle: float) -> int:
    """Return the ticks between two taken branches; 0 where there is no limit."""
    if branches_per_cycle >= NO_BRANCH_LIMIT.value:
        return 0
    return _or_nothing(1 / branches_per_cycle)


def _limit(count: int, rob_entries: int) -> int:
    """Return a limit of what is in flight; 0 where the reorder buffer limits it more."""
    return count if count < rob_entries else 0


def ns_to_ticks(ns: float, clock_ghz: float) -> int:
    """Return nanoseconds in ticks of a core at ``clock_ghz``, at least one tick."""
    return cycles_to_ticks(ns * clock_ghz)


def relevant(parameters: Parameters, ops: Collection[int]) -> Parameters:
    """Return the parameters, with those set to 0 that matter to none of ``ops``."""
    unused = {name: 0 for name, users in ONLY_FOR.items() if not any(op in ops for op in users)}
    return parameters._replace(**unused)


def parameters_of(machine: Machine) -> Parameters:
    """Return the numbers of a machine for the core."""
    return Parameters(
        **_window(machine),
        **_front_end(machine),
        **_hierarchy(machine),
        **_atomics(machine),
        **_maintenance(machine),
    )


def _window(machine: Machine) -> dict[str, int]:
    """Return the limits of the window, the ports, and the latencies without memory."""
    core, rob = machine.core, machine.core.rob_entries.value
    commit = core.store_commit_cycles.value or 1 / core.store_ports.value
    return {
        "width": core.width.value,
        "access_width": min(core.access_dispatch_width.value, core.width.value),
        "store_width": min(core.store_dispatch_width.value, core.width.value),
        "retire_width": min(core.retire_width.value, core.rob_entries.value),
        "rob": rob,
        "load_queue": _limit(core.load_queue_entries.value, rob),
        "branches": _limit(core.branches_in_flight.value, rob),
        "calls": _limit(core.calls_in_flight.value, rob),
        "results": _limit(core.results_in_flight.value, rob),
        "store_queue": core.store_queue_entries.value,
        "alu_ports": core.alu_ports.value,
        "branch_ports": core.branch_ports.value,
        "branches_on_alus": int(core.branches_take_alu_ports.value),
        "load_ports": core.load_ports.value,
        "store_ports": core.store_ports.value,
        "address_units": core.address_units.value,
        "mul_ports": core.mul_ports.value,
        "moves_free": int(core.eliminates_moves.value),
        "immediates_free": int(core.eliminates_immediates.value),
        "zeros_free": int(core.eliminates_zero_idioms.value),
        "mul": cycles_to_ticks(core.mul_latency_cycles.value),
        "mul_keeps": cycles_to_ticks(
            min(core.mul_cycles.value or 1, core.mul_latency_cycles.value)
        ),
        "system": cycles_to_ticks(SYSTEM_CYCLES),
        "mispredict": cycles_to_ticks(core.mispredict_penalty_cycles.value),
        "forward": cycles_to_ticks(core.store_forward_cycles.value),
        "store_drain": cycles_to_ticks(commit),
        "store_line_drain": cycles_to_ticks(core.store_line_commit_cycles.value or commit),
        "store_leaves": _or_nothing(core.store_leave_cycles.value),
    }


def _front_end(machine: Machine) -> dict[str, int]:
    """Return the limits of fetch, and whether there are any."""
    core, mitigations = machine.core, machine.mitigations
    fetch_width = core.fetch_width.value
    branches = {
        "taken": _between(core.taken_branches_per_cycle.value),
        "taken_quickly": _between(core.small_loop_taken_branches_per_cycle.value),
        "call": _or_nothing(core.call_return_cycles.value),
        "ret": _or_nothing(mitigations.return_cycles.value),
    }
    return {
        **branches,
        "fetches": int(max(branches.values()) > 0 or fetch_width < core.width.value),
        "fetch_width": fetch_width,
        "fetch_queue": min(core.fetch_queue_entries.value, core.rob_entries.value),
        "returns_mispredict": int(mitigations.returns_mispredict.value),
        "indirect": _or_nothing(mitigations.indirect_cycles.value),
    }


def _hierarchy(machine: Machine) -> dict[str, int]:
    """Return the times of caches, TLBs, memory and the prefetcher."""
    caches, clock = machine.caches, machine.core.clock_ghz.value
    dtlb, prefetch = caches.dtlb, caches.prefetch
    llc_stream_ns = prefetch.llc_ns_per_line.value or prefetch.ns_per_line.value
    return {
        "miss_registers": caches.miss_registers.value,
        "l1": cycles_to_ticks(caches.l1.latency_cycles.value),
        "l2": cycles_to_ticks(caches.l2.latency_cycles.value),
        "llc": ns_to_ticks(caches.llc.latency_ns.value, clock),
        "dram": ns_to_ticks(caches.dram.latency_ns.value, clock),
        "l2_gap": _or_nothing(caches.l2.cycles_per_line.value),
        "write_back": _or_nothing(caches.l2.write_back_cycles.value),
        "llc_gap": _or_nothing(caches.llc.ns_per_line.value * clock),
        "dram_gap": _or_nothing(caches.dram.ns_per_line.value * clock),
        "tlb_l2": cycles_to_ticks(dtlb.l2_latency_cycles.value),
        "tlb_walk": ns_to_ticks(dtlb.walk_ns.value, clock),
        "stream_gap": ns_to_ticks(prefetch.ns_per_line.value, clock),
        "llc_stream_gap": ns_to_ticks(llc_stream_ns, clock),
        "zero_line": ns_to_ticks(LINE_BYTES / machine.kernel.zero_bytes_per_ns.value, clock),
    }


def _atomics(machine: Machine) -> dict[str, int]:
    """Return the times of atomics, and how many can be in flight."""
    atomics, rob = machine.atomics, machine.core.rob_entries.value
    locked = cycles_to_ticks(atomics.locked_cycles.value)
    retires = cycles_to_ticks(atomics.locked_retires_cycles.value or atomics.locked_cycles.value)
    return {
        "value": cycles_to_ticks(atomics.value_cycles.value),
        "cas": cycles_to_ticks(atomics.cas_cycles.value),
        "acquire": cycles_to_ticks(atomics.acquire_cycles.value),
        "store_only": cycles_to_ticks(atomics.store_only_cycles.value),
        "line_change": cycles_to_ticks(atomics.line_change_cycles.value),
        "in_flight": _limit(atomics.in_flight.value, rob),
        "locked": retires,
        "locked_writes": max(locked - retires, 0),
        "locked_alone": int(atomics.locked_alone.value),
        "locked_oldest": int(atomics.locked_oldest.value and not atomics.locked_alone.value),
        "locked_in_flight": _limit(atomics.locked_in_flight.value, rob),
        "locked_alus": min(atomics.locked_alu_operations.value, machine.core.alu_ports.value),
        "locked_again": _or_nothing(atomics.locked_again_cycles.value),
        "far": int(atomics.far.value),
        "far_trip": ns_to_ticks(atomics.far_ns.value, machine.core.clock_ghz.value),
    }


def _maintenance(machine: Machine) -> dict[str, int]:
    """Return the times of barriers and TLB invalidations."""
    barriers, tlbi, clock = machine.barriers, machine.tlbi, machine.core.clock_ghz.value
    return {
        "dsb": cycles_to_ticks(barriers.dsb_cycles.value),
        "dmb": cycles_to_ticks(barriers.dmb_cycles.value),
        "isb": cycles_to_ticks(barriers.isb_cycles.value),
        "tlbi_issue": ns_to_ticks(tlbi.issue_ns.value, clock),
        "tlbi_posted": int(machine.isa == "arm64"),
        "broadcast": ns_to_ticks(tlbi.broadcast_ns.value, clock),
    }
