"""A trace in the form that both engines run: rows back to producers instead of row numbers.

Relative form makes equal loop iterations equal row for row. Settled here once for both engines:
fusion, store forwarding candidates, classes of accesses, prefetches and mispredicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodel.config.machine import Machine
from costmodel.core import columns as c
from costmodel.core.branches import mispredicts
from costmodel.core.caches import Accesses, accesses
from costmodel.core.memo import remembered
from costmodel.core.periods import parts
from costmodel.core.prefetch import prefetches
from costmodel.core.reuse import Ints
from costmodel.core.tlb import Pages, pages
from costmodel.trace import FLAGS, LINE_BYTES, NO_PRODUCER, Trace
from costmodel.trace import MEMORY as MEMORY_INPUT
from costmodel.uops import Flavour, Kind

_OP_OF_KIND = {
    Kind.ALU: c.OP_ALU, Kind.MUL: c.OP_MUL, Kind.LOAD: c.OP_LOAD, Kind.STORE: c.OP_STORE,
    Kind.RMW: c.OP_RMW_VALUE, Kind.BRANCH: c.OP_BRANCH, Kind.JUMP: c.OP_BRANCH,
    Kind.CALL: c.OP_BRANCH, Kind.RET: c.OP_BRANCH, Kind.DSB: c.OP_DSB, Kind.DMB: c.OP_DMB,
    Kind.ISB: c.OP_ISB, Kind.TLBI: c.OP_TLBI, Kind.ZERO: c.OP_ZERO_BLOCK, Kind.NOP: c.OP_SLOT,
    Kind.SYSTEM: c.OP_SYSTEM,
}  # fmt: skip
_OP_OF_FLAVOUR = {
    (Kind.ALU, Flavour.MOVE): c.OP_MOVE,
    (Kind.ALU, Flavour.FREE): c.OP_SLOT,
    (Kind.RMW, Flavour.RMW_STORE): c.OP_RMW_STORE,
    (Kind.RMW, Flavour.RMW_CAS): c.OP_RMW_CAS,
    (Kind.RMW, Flavour.RMW_LOCKED): c.OP_LOCKED,
    (Kind.RMW, Flavour.RMW_ACQUIRE): c.OP_RMW_ACQUIRE,
    (Kind.DSB, Flavour.DSB_ALL): c.OP_DSB_ALL,
    (Kind.ZERO, Flavour.ZERO_LINE): c.OP_ZERO_LINE,
}


def _op_table() -> NDArray[np.int32]:
    table = np.zeros((len(Kind), len(Flavour)), np.int32)
    for kind, op in _OP_OF_KIND.items():
        table[kind, :] = op
    for (kind, flavour), op in _OP_OF_FLAVOUR.items():
        table[kind, flavour] = op
    return table


_OPS = _op_table()


@dataclass(frozen=True)
class Program:
    """A trace as a machine's core sees it, apart from every latency."""

    code: NDArray[np.int32]
    """int32[rows, COLUMNS], see :mod:`costmodel.core.columns`. A fused pair is one row."""
    parts: Ints
    """int64[parts, 4], see :func:`costmodel.core.periods.parts`."""
    segments: tuple[str, ...]
    """Names of the segments that parts refer to."""
    reuse: Accesses
    pages: Pages
    longest_back: int
    """Rows back that some row looks, at most: what a repetition must agree on."""
    streams: int
    """Prefetched streams."""
    requests_back: int
    """The same for the prefetch requests of a stream."""
    forwards_back: int
    """The same for store queue entries."""
    trace_rows: Ints
    """By row: its row in the trace (of a fused pair, that of the branch)."""


def program_of(trace: Trace, machine: Machine) -> Program:
    """Return the program of a trace, remembered for machines that agree on what shapes it."""
    caches, core = machine.caches, machine.core
    entries = max(core.rob_entries.value, core.store_queue_entries.value)
    shape = _Shape(
        fuse=bool(core.fuses_compare_branch.value),
        history=core.branch_history_length.value,
        line_bytes=max(caches.line_bytes.value, LINE_BYTES),
        depth=caches.prefetch.depth_lines.value,
        trains_after=caches.prefetch.trains_after_lines.value,
        far=bool(machine.atomics.far.value),
        linear_map_bytes=machine.kernel.linear_map_bytes.value,
        window=max(256, 1 << (entries - 1).bit_length()),
    )
    return remembered(trace, shape, lambda: _program(trace, shape))


@dataclass(frozen=True)
class _Shape:
    """The machine numbers that shape a program."""

    fuse: bool
    history: int
    line_bytes: int
    depth: int
    trains_after: int
    far: bool
    linear_map_bytes: int
    window: int
    """Rows and store queue entries further back than this cannot be in flight."""


def _program(trace: Trace, shape: _Shape) -> Program:
    reuse = accesses(trace, shape.line_bytes)
    page = pages(trace, shape.linear_map_bytes)
    ahead = prefetches(trace, shape.line_bytes, shape.depth, shape.trains_after, far=shape.far)
    inputs, kept, row_of = _fused(trace, shape.fuse)
    code = np.zeros((len(trace), c.COLUMNS), np.int32)
    op = _OPS[trace.kind, trace.flavour]
    code[:, c.OP] = op
    for column in range(c.INPUTS):
        code[:, c.INPUT + column] = _rows_back(inputs[:, column], row_of, shape.window)
    # Neither computes anything: what they name as inputs is nothing to wait for.
    code[np.isin(op, (c.OP_SLOT, c.OP_DMB)), c.INPUT : c.INPUT + c.INPUTS] = 0
    code[:, c.MEMORY] = _entries_back(trace, op, shape.window)
    code[:, c.CLASS] = reuse.kind
    code[:, c.TOUCH] = _rows_back(reuse.touch, row_of, shape.window)
    code[:, c.PREFETCHED] = ahead.uses
    code[:, c.STARTS] = ahead.starts
    code[:, c.FOLLOWS] = ahead.follows
    code[:, c.STREAM] = ahead.stream
    code[:, c.PAGE] = page.kind
    code[:, c.MISPREDICTED] = mispredicts(trace, shape.history)
    code[:, c.LINES] = np.where(
        trace.kind == Kind.ZERO, np.maximum(trace.size_bytes // LINE_BYTES, 1), reuse.owned
    )
    code[:, c.SAME_LINE] = _same_line(trace)
    code = np.ascontiguousarray(code[kept])
    names, ends = _segments(trace, row_of, len(code))
    return Program(
        code=code,
        parts=parts(code, row_of[trace.step_start].astype(np.int64), ends),
        segments=names,
        reuse=reuse,
        pages=page,
        longest_back=_most(code[:, [*range(c.INPUT, c.INPUT + c.INPUTS), c.TOUCH]]),
        streams=_most(code[:, c.STREAM]) + 1,
        requests_back=_most(code[:, c.PREFETCHED]),
        forwards_back=_most(code[:, c.MEMORY]),
        trace_rows=np.flatnonzero(kept).astype(np.int64),
    )


def _same_line(trace: Trace) -> NDArray[np.bool_]:
    """Tell which atomics are in the 64-byte line of the atomic before them."""
    same = np.zeros(len(trace), np.bool_)
    atomic = np.flatnonzero(trace.kind == Kind.RMW)
    same[atomic[1:]] = np.diff(trace.line[atomic]) == 0
    return same


def _most(distances: NDArray[np.int32]) -> int:
    return int(distances.max(initial=0))


def _fused(trace: Trace, fuse: bool) -> tuple[NDArray[np.int32], NDArray[np.bool_], Ints]:
    """Merge compare and branch pairs: return inputs, rows that are kept, and rows' new numbers.

    The branch takes over the inputs of its compare, and what else reads the flags reads the branch.
    """
    inputs = trace.inputs.copy()
    kept = np.ones(len(trace), np.bool_)
    if fuse and len(trace):
        branch = np.flatnonzero(trace.kind[1:] == Kind.BRANCH) + 1
        registers = inputs[branch][:, :FLAGS]
        branch = branch[
            (trace.flavour[branch - 1] == Flavour.COMPARE)
            & (inputs[branch, FLAGS] == branch - 1)
            & np.all(registers == NO_PRODUCER, axis=1)
        ]
        kept[branch - 1] = False
        inputs[branch] = trace.inputs[branch - 1]
    # A dropped row has the number of the row behind it, its branch.
    row_of: Ints = np.cumsum(kept) - kept
    return inputs, kept, row_of.astype(np.int64)


def _rows_back(producer: NDArray[np.int32] | Ints, row_of: Ints, window: int) -> NDArray[np.int64]:
    """Return rows back to producers; 0 where there is none or it left the window long ago."""
    if len(row_of) == 0:
        return np.zeros(0, np.int64)
    back = row_of - row_of[np.maximum(producer, 0)]
    return np.where((producer == NO_PRODUCER) | (back >= window), 0, back)


def _entries_back(trace: Trace, op: NDArray[np.int32], window: int) -> NDArray[np.int64]:
    """Return store queue entries back to the one that wrote what a row reads."""
    stores = np.isin(op, c.STORES)
    entry: Ints = (np.cumsum(stores) - stores).astype(np.int64)
    producer = trace.inputs[:, MEMORY_INPUT]
    if len(trace) == 0:
        return np.zeros(0, np.int64)
    back: Ints = entry - entry[np.maximum(producer, 0)]
    return np.where((producer == NO_PRODUCER) | (back > window), 0, back)


def _segments(trace: Trace, row_of: Ints, rows: int) -> tuple[tuple[str, ...], Ints]:
    """Return names and ends of the segments in rows of the program; they must cover the trace.

    Raises ValueError where they leave a gap.
    """
    segments = trace.segments or (("all", 0, len(trace)),)
    starts = [start for _, start, _ in segments]
    ends = [end for _, _, end in segments]
    if [0, *ends] != [*starts, len(trace)]:
        raise ValueError(f"segments must follow each other over all rows (got {segments})")
    new = [int(row_of[end]) if end < len(trace) else rows for end in ends]
    return tuple(name for name, _, _ in segments), np.array(new, np.int64)
