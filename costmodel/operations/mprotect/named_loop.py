"""The change loops that an archive of a recorded build may name."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from costmodel.mm.build import Memory
from costmodel.mm.tlb import TlbView
from costmodel.operations.mprotect.loop import ProtectBatching, change_batched, change_per_pte
from costmodel.operations.mprotect.mm import MprotectOperation
from costmodel.operations.mprotect.operation import (
    TO_READ_ONLY,
    TO_WRITE_PROTECTED,
    TO_WRITE_RESOLVED,
)
from costmodel.operations.shared.strategy import Function


def loop_choices(_: Collection[str], contpte: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the arguments of the known kernels' loops, and of loops between them."""
    yield {"batching": None}
    for reads in (True, False) if contpte else (False,):
        for past in (False, True):
            how = ProtectBatching(looks_past_folio=past, gathers=reads, hints=reads)
            yield {"batching": asdict(how)}


def loop_of(choices: Mapping[str, Any]) -> Function:
    """Return the loop whose ``batching`` has these fields, or None for entry by entry."""
    batching = choices["batching"]
    if batching is None:
        return change_per_pte
    return partial(change_batched, how=ProtectBatching.of(batching))


def begun(memory: Memory, state: str, contpte: bool, loop: Function) -> MprotectOperation:
    """Return a change about to happen; what a state takes back was done by the loop before."""
    first = state in (TO_READ_ONLY.name, TO_WRITE_PROTECTED.name)
    if state in (TO_WRITE_PROTECTED.name, TO_WRITE_RESOLVED.name):
        _register(memory, protects=True)
    if not first:
        deque(loop(MprotectOperation(memory, TlbView(), contpte=contpte)), maxlen=0)
    if state == TO_WRITE_RESOLVED.name:
        _register(memory, protects=False)
    return MprotectOperation(memory, TlbView(), contpte=contpte)


def _register(memory: Memory, *, protects: bool) -> None:
    """Let userfaultfd write-protect the mappings of a process, or take that back."""
    vmas = memory.space.vmas
    memory.space.vmas = tuple(replace(vma, write_protects=protects) for vma in vmas)
