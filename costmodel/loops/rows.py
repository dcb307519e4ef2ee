"""Makes a trace of the micro-ops of loops and patterns, which are given one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from costmodel.code.expand import memory_producers
from costmodel.code.trace import NO_ADDRESS, NO_PRODUCER, Trace
from costmodel.code.uops import Kind, Subkind, Target

WORD_BYTES = 8
"""Size of each access."""


class LoopRow(NamedTuple):
    """One micro-op of a loop.

    ``inputs`` are the rows that it waits for, by column of ``Trace.inputs``
    (:class:`costmodel.code.trace.Trace`). ``taken`` is 1 for a taken branch, 0 for one that is not
    taken, and -1 for any other micro-op.
    """

    kind: Kind
    subkind: Subkind = Subkind.PLAIN
    inputs: Mapping[int, int] = {}
    address: int = NO_ADDRESS
    taken: int = -1


def trace_of_rows(
    rows: Sequence[LoopRow], starts: Sequence[int], *, step: str, target: Callable[[int], Target]
) -> Trace:
    """Return rows as a trace of equally long steps called ``step``, which begin at ``starts``.

    ``target`` returns the memory that an address belongs to.
    """
    count = len(rows)
    kind = np.array([row.kind for row in rows], np.uint8)
    address = np.array([row.address for row in rows], np.int64)
    inputs = np.array(
        [[row.inputs.get(column, NO_PRODUCER) for column in range(5)] for row in rows], np.int32
    )
    size = np.where(address >= 0, WORD_BYTES, 0).astype(np.int16)
    memory_producers(kind, address, size, inputs)
    return Trace(
        kind=kind,
        subkind=np.array([row.subkind for row in rows], np.uint8),
        inputs=inputs,
        address=address,
        size_bytes=size,
        target=np.array(
            [target(row.address) if row.address >= 0 else Target.NONE for row in rows], np.uint8
        ),
        taken=np.array([row.taken for row in rows], np.int8),
        # The same place in every step is the same instruction.
        site=(np.arange(count) % (count // len(starts))).astype(np.int32),
        step_start=np.array(starts, np.int32),
        step_id=np.zeros(len(starts), np.int32),
        step_names=(step,),
        segments=(("loop", 0, count),),
    )
