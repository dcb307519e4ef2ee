"""The columns of a program, the form of a trace that both engines execute."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Code = NDArray[np.int16]
"""The rows of a program, int16[rows, COLUMNS]; no column looks further back than the window."""
Row = NDArray[np.int16]
"""One row of a program, int16[COLUMNS]."""

# What a micro-op is to the core.
(
    OP_ALU, OP_MUL, OP_MOVE, OP_SLOT, OP_LOAD, OP_STORE, OP_LOCKED, OP_RMW_STORE, OP_RMW_VALUE,
    OP_RMW_CAS, OP_RMW_ACQUIRE, OP_BRANCH, OP_DSB, OP_DSB_ALL, OP_DMB, OP_ISB, OP_TLBI,
    OP_ZERO_LINE, OP_ZERO_BLOCK, OP_SYSTEM, OP_IMMEDIATE, OP_ZERO_IDIOM, OP_JUMP, OP_CALL,
    OP_RETURN, OP_PREFETCH,
) = range(26)  # fmt: skip
OPS = 26

LOADS = (OP_LOAD, OP_LOCKED, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE, OP_PREFETCH)
"""Operations that take an entry of the load queue."""
STORES = (
    OP_STORE, OP_LOCKED, OP_RMW_STORE, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE, OP_DMB,
    OP_ZERO_LINE, OP_ZERO_BLOCK,
)  # fmt: skip
"""Operations that take an entry of the store queue."""


ATOMICS = (OP_RMW_STORE, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE)
"""Operations that are arm64 atomics."""
TAKEN = (OP_JUMP, OP_CALL, OP_RETURN)
"""Operations that are taken branches; ``OP_BRANCH`` is a branch that is not taken."""
BRANCHES = (OP_BRANCH, *TAKEN)
CALLS = (OP_CALL, OP_RETURN)
RESULTS = (
    OP_ALU, OP_MUL, OP_MOVE, OP_LOAD, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE, OP_SYSTEM,
    OP_IMMEDIATE,
)  # fmt: skip
"""Operations whose result takes a register; a move only where it is executed."""


def flags(ops: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a table with 1 for each of ``ops`` and 0 for others, for compiled code."""
    table = np.zeros(OPS, np.uint8)
    table[list(ops)] = 1
    return table


def flags_of(members: Iterable[IntEnum], of: type[IntEnum]) -> NDArray[np.bool_]:
    """Return a table with True for ``members`` of an enumeration, by their numbers."""
    table = np.zeros(max(of) + 1, np.bool_)
    table[list(members)] = True
    return table


OP = 0
INPUT = 1
"""The first of ``INPUTS`` columns, each the number of rows back to a producer; 0 for none."""
INPUTS = 4
MEMORY = 5
"""The number of store queue entries back to the one that this load reads from; 0 for none."""
CLASS = 6
"""The class of the access in :mod:`costmodel.cpu.caches`."""
TOUCH = 7
"""The number of rows back to the last access to the same line of the caches beyond the L1; 0 for
none."""
PREFETCHED = 8
"""The number of requests back in the stream to the one that prefetched this line; 0 for none."""
STARTS = 9
"""The number of prefetch requests that this row starts."""
FOLLOWS = 10
"""1 where these requests follow older ones of the same stream."""
PAGE = 11
"""The class of the access in :mod:`costmodel.cpu.tlb`."""
REDIRECTS = 12
"""``MISPREDICTED`` for such a branch, ``INDIRECT`` for a call or jump that may go through a
retpoline, 0 for what is fetched on without a break."""
MISPREDICTED, INDIRECT = 1, 2
LINES = 13
"""The number of lines that a clearing row clears; 1 for an atomic on a line that the core owns; for
a taken branch the way from the quick rate to the slow one, in ``SLOW`` parts; else 0."""
SLOW = 16
STREAM = 14
"""The stream that the columns about prefetches refer to."""
SAME_LINE = 15
"""1 for an arm64 atomic in the 64-byte line of the atomic before it, and for a store in that of the
store before it."""
COLUMNS = 16
