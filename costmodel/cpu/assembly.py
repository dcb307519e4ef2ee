"""Writes the micro-ops of a trace as the rows of a program, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.trace import FLAGS
from costmodel.code.trace import MEMORY as MEMORY_INPUT
from costmodel.code.uops import Kind, Subkind
from costmodel.cpu import columns as c
from costmodel.jit import compiled, hot, inlined
from costmodel.units import LINE_BYTES

_OP_OF_KIND = {
    Kind.ALU: c.OP_ALU, Kind.MUL: c.OP_MUL, Kind.LOAD: c.OP_LOAD, Kind.STORE: c.OP_STORE,
    Kind.RMW: c.OP_RMW_VALUE, Kind.BRANCH: c.OP_BRANCH, Kind.JUMP: c.OP_JUMP,
    Kind.CALL: c.OP_CALL, Kind.RET: c.OP_RETURN, Kind.DSB: c.OP_DSB, Kind.DMB: c.OP_DMB,
    Kind.ISB: c.OP_ISB, Kind.TLBI: c.OP_TLBI, Kind.ZERO: c.OP_ZERO_BLOCK, Kind.NOP: c.OP_SLOT,
    Kind.SYSTEM: c.OP_SYSTEM,
}  # fmt: skip
_OP_OF_SUBKIND = {
    (Kind.ALU, Subkind.MOVE): c.OP_MOVE,
    (Kind.ALU, Subkind.IMMEDIATE): c.OP_IMMEDIATE,
    (Kind.ALU, Subkind.ZERO_IDIOM): c.OP_ZERO_IDIOM,
    (Kind.LOAD, Subkind.PREFETCH): c.OP_PREFETCH,
    (Kind.RMW, Subkind.RMW_STORE): c.OP_RMW_STORE,
    (Kind.RMW, Subkind.RMW_CAS): c.OP_RMW_CAS,
    (Kind.RMW, Subkind.RMW_LOCKED): c.OP_LOCKED,
    (Kind.RMW, Subkind.RMW_ACQUIRE): c.OP_RMW_ACQUIRE,
    (Kind.DSB, Subkind.DSB_ALL): c.OP_DSB_ALL,
    (Kind.ZERO, Subkind.ZERO_LINE): c.OP_ZERO_LINE,
}


def _op_table() -> NDArray[np.int16]:
    table = np.zeros((len(Kind), len(Subkind)), np.int16)
    for kind, op in _OP_OF_KIND.items():
        table[kind, :] = op
    for (kind, subkind), op in _OP_OF_SUBKIND.items():
        table[kind, subkind] = op
    return table


OPS = _op_table()
"""The operation (``OP_...`` of :mod:`costmodel.cpu.columns`) of each kind and subkind."""
_IS_STORE = c.flags(c.STORES)
_IS_TAKEN = c.flags(c.TAKEN)
_IS_INDEPENDENT = c.flags((c.OP_SLOT, c.OP_DMB, c.OP_IMMEDIATE, c.OP_ZERO_IDIOM))
"""Operations that compute nothing, so that they do not wait for their inputs."""
_BRANCH, _ZERO, _RMW = int(Kind.BRANCH), int(Kind.ZERO), int(Kind.RMW)
_ALU, _COMPARE, _PLAIN = int(Kind.ALU), int(Subkind.COMPARE), int(Subkind.PLAIN)
_INDIRECT = int(Subkind.INDIRECT)


@compiled
def fused(
    kind: NDArray[np.uint8], subkind: NDArray[np.uint8], inputs: NDArray[np.int32],
    compares: bool, arithmetic: bool,
) -> NDArray[np.bool_]:  # fmt: skip
    """Return which micro-ops fuse with the conditional branch behind them, bool[n].

    Those are ``compares``, and other integer operations (``arithmetic``) whose flags it reads.
    """
    result = np.zeros(len(kind), np.bool_)
    for first in range(len(kind) - 1):
        branch = first + 1
        if kind[branch] != _BRANCH or inputs[branch, FLAGS] != first:
            continue
        alone = (compares and subkind[first] == _COMPARE) or (
            arithmetic and kind[first] == _ALU and subkind[first] == _PLAIN
        )
        for column in range(FLAGS):
            alone &= inputs[branch, column] < 0
        result[first] = alone
    return result


@hot
def assembled(
    kind: NDArray[np.uint8], subkind: NDArray[np.uint8], inputs: NDArray[np.int32], address: Ints,
    size_bytes: NDArray[np.int16], taken: NDArray[np.int8],
    access: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]],
    page: c.Row, mispredicted: NDArray[np.bool_], slow: NDArray[np.int16],
    gone: NDArray[np.bool_], number: Ints,
    window: tuple[int, int], entries: Ints, code: c.Code,
) -> None:  # fmt: skip
    """Fill the rows of ``code``, int16[rows, COLUMNS], which must be all 0 before.

    ``number``, int64[n], is the row of each micro-op in the program. What is ``gone`` has the
    row of its branch, which takes over its inputs. ``access`` holds the class, the last touch
    and the ownership of each access, ``slow`` is that of
    :func:`costmodel.cpu.branches.slow_parts`. The columns of prefetches are not changed. Producers
    ``window[0]`` rows or ``window[1]`` store queue entries back have left the window. ``entries``,
    int64[n], is scratch memory.
    """
    entry = 0
    atomic_line = stored_line = np.int64(-2)
    for i in range(len(kind)):
        op = OPS[kind[i], subkind[i]]
        entries[i] = entry
        entry += int(_IS_STORE[op])
        if gone[i]:
            continue
        if op == c.OP_BRANCH and taken[i] == 1:
            op = c.OP_JUMP
        row = code[number[i]]
        row[c.OP] = op
        row[c.REDIRECTS] = c.INDIRECT if subkind[i] == _INDIRECT else mispredicted[i]
        source = i - 1 if i and gone[i - 1] else i
        if not _IS_INDEPENDENT[op]:
            for column in range(c.INPUTS):
                row[c.INPUT + column] = _back(inputs[source, column], number, i, window[0])
        row[c.CLASS] = access[0][i]
        row[c.TOUCH] = _back(access[1][i], number, i, window[0])
        row[c.LINES] = max(size_bytes[i] // LINE_BYTES, 1) if kind[i] == _ZERO else access[2][i]
        if _IS_TAKEN[op]:
            row[c.LINES] = slow[i]
        row[c.PAGE] = page[i]
        if kind[i] == _RMW:
            row[c.SAME_LINE] = address[i] // LINE_BYTES == atomic_line
            atomic_line = address[i] // LINE_BYTES
        elif op == c.OP_STORE:
            row[c.SAME_LINE] = address[i] // LINE_BYTES == stored_line
            stored_line = address[i] // LINE_BYTES
        writer = inputs[i, MEMORY_INPUT]
        if writer >= 0:
            back = entries[i] - entries[writer]
            row[c.MEMORY] = back if back <= window[1] else 0


@inlined
def _back(producer: int, number: Ints, i: int, window: int) -> int:
    """Return the number of rows back to a producer; 0 if there is none or it left the window."""
    if producer < 0:
        return 0
    back = number[i] - number[producer]
    return back if back < window else 0
