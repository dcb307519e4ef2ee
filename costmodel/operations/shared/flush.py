"""The cost of TLB flushes outside the loops over page tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.operations.protocol import FlushRequest, OutsideCost
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

UNMAP_CALL = "unmap_call"
"""Cause, in CPI stacks, of the time of munmap(), madvise() or mprotect() outside page tables."""
ASID_FLUSH = "asid_flush"
"""Cause, in CPI stacks, of flushes of an address space, or of one page by a call of its own."""


def flush_of_all(machine: Machine, *, count: int = 1) -> OutsideCost:
    """Return the cost of ``count`` flushes of a whole address space."""
    return flush(machine, machine.tlbi.asid_flush_ns.value, FlushRequest(), count=count)


def flush(
    machine: Machine,
    flush_ns: float,
    request: FlushRequest,
    *,
    count: int = 1,
    with_ps: Mapping[str, int] | None = None,
) -> OutsideCost:
    """Return the cost of ``count`` flushes of ``flush_ns`` nanoseconds each.

    ``with_ps`` is other work before each of them, picoseconds by cause. ``request`` says which part
    of the address space other CPUs have to flush. On arm64 a flush is one broadcast, unless TLBIs
    stay on their CPU (``tlbi.local_only``): then a broadcast costs nothing on ``machine``. On x86 a
    CPU flushes itself by writing CR3, and asks the other CPUs that run the address space.
    """
    flush_ps = round(flush_ns * PS_PER_NS)
    is_broadcast = machine.isa == "arm64" and machine.tlbi.broadcast_ns.value > 0
    broadcast_ps = flush_ps if is_broadcast else 0
    return OutsideCost({**(with_ps or {}), ASID_FLUSH: flush_ps}, broadcast_ps, count, request)
