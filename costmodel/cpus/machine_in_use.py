"""The machine as one CPU of a workload finds it: with its share of the cache, and its TLBIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from costmodel.config.keys import replaced, value_at

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload


def machine_in_use(machine: Machine, workload: Workload) -> Machine:
    """Return the machine on which the loop of one CPU is priced.

    CPUs at work share the last-level cache in equal parts. A kernel that invalidates locally where
    it may, or repeats each synchronisation because of an erratum, changes the cost of TLBIs and
    DSBs. Where neither applies, the machine is returned unchanged.
    """
    numbers = _invalidation(machine, workload)
    share = _llc_bytes(machine, workload)
    if share is not None:
        numbers["caches.llc.size_bytes"] = share
    for key, value in numbers.items():
        changed = value_at(machine, key).model_copy(update={"value": value})
        machine = cast("Machine", replaced(machine, key, changed))
    return machine


def is_local(machine: Machine, workload: Workload) -> bool:
    """Tell whether TLBIs are not broadcast: the kernel can do that, and one CPU ran the process."""
    return (
        machine.isa == "arm64"
        and machine.tlbi.local_only.value
        and workload.threads == 1
        and workload.placement == "pinned"
    )


def _invalidation(machine: Machine, workload: Workload) -> dict[str, Any]:
    tlbi = machine.tlbi
    if is_local(machine, workload):
        # A DSB that waits for this CPU alone has no price beyond its own.
        flush_ns = tlbi.asid_flush_ns.value - tlbi.issue_ns.value - tlbi.broadcast_ns.value
        return {
            "tlbi.issue_ns": tlbi.local_ns.value,
            "tlbi.broadcast_ns": 0.0,
            "tlbi.asid_flush_ns": max(0.0, flush_ns) + tlbi.local_ns.value,
        }
    if machine.isa == "arm64" and tlbi.repeats.value:
        again_ns = tlbi.issue_ns.value + tlbi.broadcast_ns.value
        return {
            "tlbi.broadcast_ns": tlbi.broadcast_ns.value + again_ns,
            "tlbi.asid_flush_ns": tlbi.asid_flush_ns.value + again_ns,
        }
    return {}


def _llc_bytes(machine: Machine, workload: Workload) -> int | None:
    """Return the bytes of the last-level cache that one of several CPUs has; None for all of it."""
    working = workload.cpus * (workload.threads if workload.others == "same" else 1)
    if working == 1 or "llc" in workload.unshared:
        return None
    online, sockets = machine.tlbi.cpus_online.value, machine.topology.sockets.value
    of_socket = -(-online // sockets)
    together = min(machine.topology.cpus_per_llc.value, of_socket, working)
    # The size in the file is what one core can use, so that a share is never below the L2.
    size: int = machine.caches.llc.size_bytes.value
    return max(size // together, machine.caches.l2.size_bytes.value)
