"""The costs around the loop of ``mprotect()``: the call, and the flush of the changed entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.operations.mprotect.operation import BOTH_WAYS
from costmodel.operations.protocol import FlushRequest, OutsideCost, Surroundings
from costmodel.operations.shared.extent import extent_of
from costmodel.operations.shared.flush import UNMAP_CALL, flush, gathered_stride
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.state import PteState


def around(machine: Machine, workload: Workload, state: PteState) -> Surroundings:
    """Return the calls that a state stands for, each with its flush.

    ``UFFDIO_WRITEPROTECT`` is taken to cost what the other calls do. x86 flushes nothing where
    permissions are only added, as an old entry then costs a page fault at most. arm64 flushes. The
    range ends with the last entry that is changed (``tlb_flush_pte_range()``).
    """
    calls = 2 if state == BOTH_WAYS else 1
    flushes = calls
    if machine.isa == "x86_64":
        grow = state.protected or state.write_protects is False
        flushes = 0 if grow else 1
    call_ps = round(machine.kernel.unmap_call_ns.value * PS_PER_NS)
    call = OutsideCost({UNMAP_CALL: call_ps}, count=calls)
    if not flushes:
        return Surroundings(after=(call,))
    request = FlushRequest(extent_of(workload).span_pages, gathered_stride(workload))
    return Surroundings(after=(call, flush(machine, request, count=flushes)))
