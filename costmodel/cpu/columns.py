"""The columns of a program, the form of a trace that both engines run."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Code = NDArray[np.int16]
"""Rows of a program, int16[rows, COLUMNS]: no column looks further back than windows are long."""
Row = NDArray[np.int16]
"""One of them, int16[COLUMNS]."""

# What a micro-op is to the core.
(
    OP_ALU, OP_MUL, OP_MOVE, OP_SLOT, OP_LOAD, OP_STORE, OP_LOCKED, OP_RMW_STORE, OP_RMW_VALUE,
    OP_RMW_CAS, OP_RMW_ACQUIRE, OP_BRANCH, OP_DSB, OP_DSB_ALL, OP_DMB, OP_ISB, OP_TLBI,
    OP_ZERO_LINE, OP_ZERO_BLOCK, OP_SYSTEM, OP_IMMEDIATE, OP_ZERO_IDIOM, OP_JUMP, OP_CALL,
    OP_RETURN, OP_PREFETCH,
) = range(26)  # fmt: skip
OPS = 26

LOADS = (OP_LOAD, OP_LOCKED, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE, OP_PREFETCH)
"""Take an entry of the load queue."""
STORES = (
    OP_STORE, OP_LOCKED, OP_RMW_STORE, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE, OP_DMB,
    OP_ZERO_LINE, OP_ZERO_BLOCK,
)  # fmt: skip
"""Take an entry of the store queue."""


ATOMICS = (OP_RMW_STORE, OP_RMW_VALUE, OP_RMW_CAS, OP_RMW_ACQUIRE)
"""arm64 atomics."""
TAKEN = (OP_JUMP, OP_CALL, OP_RETURN)
"""Branches after which fetch goes on elsewhere; ``OP_BRANCH`` are those that are not taken."""
BRANCHES = (OP_BRANCH, *TAKEN)


def flags(ops: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a table with 1 for each of ``ops``, to look up in compiled code."""
    table = np.zeros(OPS, np.uint8)
    table[list(ops)] = 1
    return table


def flags_of(members: Iterable[IntEnum], of: type[IntEnum]) -> NDArray[np.bool_]:
    """Return a table with True for some members of an enumeration, to look up by number."""
    table = np.zeros(max(of) + 1, np.bool_)
    table[list(members)] = True
    return table


OP = 0
INPUT = 1
"""Columns 1 to 4: rows back to the producers, 0 for none."""
INPUTS = 4
MEMORY = 5
"""Store queue entries back to the one that holds what this load reads, 0 for none."""
CLASS = 6
"""Class of the access in :mod:`costmodel.cpu.caches`."""
TOUCH = 7
"""Rows back to the last access to the same line (of the caches beyond the L1), 0 for none."""
PREFETCHED = 8
"""Prefetch requests back in the stream to the one for this line, 0 for none."""
STARTS = 9
"""Prefetch requests that this row starts."""
FOLLOWS = 10
"""1 where these follow older requests of the stream."""
PAGE = 11
"""Class of the access in :mod:`costmodel.cpu.tlb`."""
MISPREDICTED = 12
LINES = 13
"""Lines that a zero row clears; 1 for an atomic on a line that the core owns, and for a taken
branch to what was executed a moment ago; else 0."""
STREAM = 14
"""Stream that the prefetch columns speak of."""
SAME_LINE = 15
"""1 for an arm64 atomic in the 64-byte line of the atomic before it."""
COLUMNS = 16
