"""The process that a fork finds if it is not the first one of this process."""

from __future__ import annotations

from dataclasses import replace

from costmodel.code.yields import run_through
from costmodel.mm.build import Memory
from costmodel.mm.shapes import TableShape
from costmodel.operations.fork.mixed import MixedState, write_again
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.operations.shared.strategy import Function


def memory_of(function: Function, shape: TableShape, *, contpte: bool) -> Memory:
    """Return a process with one table, which ``function`` forked before unless it is writable.

    What that fork left behind matters: a kernel that unfolds contiguous blocks to write-protect
    them does not find them folded again. The child of that fork lives on.
    """
    state = shape.state
    if state != READ_ONLY and not isinstance(state, MixedState):
        return shape.build()
    memory = replace(shape, state=WRITABLE).build()
    run_through(function(ForkOperation.begin(memory, contpte=contpte)))
    if isinstance(state, MixedState):
        write_again(memory, state)
    return memory
