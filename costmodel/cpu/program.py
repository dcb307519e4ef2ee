"""Converts a trace into the form that both engines execute, the program.

A row says how many rows back its producers are. So equal iterations of a loop are equal row for
row, and only the first of equal ones is kept. The same for both engines, and computed here, are
fusion, candidates for store forwarding, classes of accesses, prefetches and mispredicted branches.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.trace import Trace
from costmodel.config.machine import Machine
from costmodel.cpu import columns as c
from costmodel.cpu.assembly import assembled, fused
from costmodel.cpu.branches import mispredicts, slow_parts
from costmodel.cpu.caches import LOADED, WRITTEN, accesses, reuse_of
from costmodel.cpu.periods import parts
from costmodel.cpu.prefetch import prefetches
from costmodel.cpu.tlb import Blocks, blocks_of, fresh_pages, page_reuse
from costmodel.disk_cache import kept_on_disk
from costmodel.jit import compiled
from costmodel.units import LINE_BYTES


@dataclass(frozen=True)
class Program:
    """A trace as the core of a machine executes it, without any latency."""

    code: c.Code
    """The rows, int16[rows, COLUMNS], see :mod:`costmodel.cpu.columns`. A fused pair is one row; of
    equal groups of rows that follow each other only the first is here."""
    parts: Ints
    """The parts that are executed in order, int64[parts, 4]: first row of ``code``, rows of one
    group, number of groups, segment."""
    segments: tuple[str, ...]
    """The names of the segments that parts refer to."""
    longest_back: int
    """The largest number of rows that any row looks back; so many must agree in a repetition."""
    streams: int
    """The number of prefetched streams."""
    requests_back: int
    """The largest number of requests of a stream that any row looks back."""
    forwards_back: int
    """The largest number of store queue entries that any row looks back."""
    kept: NDArray[np.uint8]
    """One bit per micro-op of the trace: whether it is a row. The first of a fused pair is not."""
    ops: frozenset[int]
    """The operations that occur in ``code[:, OP]``."""
    key: Hashable
    """Tells this program from any other: the token of its trace and what shaped it."""

    def unrolled(self) -> tuple[c.Code, Ints]:
        """Return all rows with their repetitions, and the segment of each, int64[rows]."""
        if not len(self.parts):
            return self.code, np.zeros(0, np.int64)
        rows = [np.tile(np.arange(at, at + n), groups) for at, n, groups, _ in self.parts.tolist()]
        segments = np.repeat(self.parts[:, 3], self.parts[:, 1] * self.parts[:, 2])
        return self.code[np.concatenate(rows)], segments

    def trace_rows(self) -> Ints:
        """Return the micro-op of each unrolled row; for a fused pair that of the branch."""
        return np.flatnonzero(np.unpackbits(self.kept)).astype(np.int64)


def program_of(
    trace: Trace,
    machine: Machine,
    classes: tuple[int, ...] = (),
    page_classes: tuple[int, ...] = (),
) -> Program:
    """Return the program of a trace; machines that agree on what shapes it share one.

    ``classes`` renumbers the classes of accesses, ``page_classes`` those of pages: where classes of
    equal cost get one number, more rows are equal. Empty tuples leave them as they are.
    """
    caches, core = machine.caches, machine.core
    stores = core.store_queue_entries.value
    shape = _Shape(
        fuse_compares=bool(core.fuses_compare_branch.value),
        fuse_arithmetic=bool(core.fuses_arithmetic_branch.value),
        loop_entries=core.small_loop_entries.value,
        targets=core.branch_targets.value,
        history=core.branch_history_length.value,
        line_bytes=max(caches.line_bytes.value, LINE_BYTES),
        depth=caches.prefetch.depth_lines.value,
        trains_after=caches.prefetch.trains_after_lines.value,
        far=bool(machine.atomics.far.value),
        near_when_loaded=bool(machine.atomics.near_when_loaded.value),
        blocks=blocks_of(machine),
        window=max(256, _power_of_two(max(core.rob_entries.value, stores))),
        stores=_power_of_two(stores),
        classes=classes,
        page_classes=page_classes,
    )
    return kept_on_disk((trace.token, shape), lambda: _program(trace, shape))


def _power_of_two(entries: int) -> int:
    """Return the next power of two, so that machines of similar size share programs."""
    return 1 << (entries - 1).bit_length()


@dataclass(frozen=True)
class _Shape:
    """The numbers of a machine that shape a program."""

    fuse_compares: bool
    fuse_arithmetic: bool
    loop_entries: int
    targets: int
    history: int
    line_bytes: int
    depth: int
    trains_after: int
    far: bool
    near_when_loaded: bool
    blocks: Blocks
    window: int
    """Rows further back than this cannot be in flight."""
    stores: int
    """Store queue entries further back than this cannot be in flight."""
    classes: tuple[int, ...]
    page_classes: tuple[int, ...]


def _program(trace: Trace, shape: _Shape) -> Program:
    gone = np.zeros(len(trace), np.bool_)
    if shape.fuse_compares or shape.fuse_arithmetic:
        pairs = shape.fuse_compares, shape.fuse_arithmetic
        gone = fused(trace.kind, trace.subkind, trace.inputs, *pairs)
    kept = ~gone
    # What is gone has the number of the row behind it, its branch.
    number = np.cumsum(kept, dtype=np.int64)
    number -= kept
    code = _code(trace, shape, gone, number)
    names, ends = _segments(trace, number, len(code))
    compact, found = _without_repetitions(code, parts(code, number[trace.step_start], ends))
    largest, ops = _extent(compact)
    most = largest.tolist()
    return Program(
        code=compact,
        parts=found,
        segments=names,
        longest_back=max([*most[c.INPUT : c.INPUT + c.INPUTS], most[c.TOUCH]]),
        streams=most[c.STREAM] + 1,
        requests_back=most[c.PREFETCHED],
        forwards_back=most[c.MEMORY],
        kept=np.packbits(kept),
        ops=frozenset(np.flatnonzero(ops).tolist()),
        key=(trace.token, shape),
    )


def _code(trace: Trace, shape: _Shape, gone: NDArray[np.bool_], number: Ints) -> c.Code:
    """Return all rows of the program."""
    reuse = accesses(trace, shape.line_bytes)
    page = page_reuse(trace, shape.blocks).kind
    # Every evaluation asks for these, long after the rest is forgotten.
    reuse_of(trace, shape.line_bytes)
    fresh_pages(trace, shape.blocks)
    kind = _merged(reuse.kind, shape)
    page = np.array(shape.page_classes, np.int16)[page] if shape.page_classes else page
    ahead = prefetches(trace, shape.line_bytes, shape.depth, shape.trains_after, far=shape.far)
    slow = slow_parts(trace.kind, trace.taken, trace.site, shape.loop_entries, shape.targets)
    code = np.zeros((len(trace) - int(np.count_nonzero(gone)), c.COLUMNS), np.int16)
    assembled(
        trace.kind, trace.subkind, trace.inputs, trace.address, trace.size_bytes, trace.taken,
        (kind, reuse.touch, reuse.owned >= (LOADED if shape.near_when_loaded else WRITTEN)), page,
        mispredicts(trace, shape.history), slow, gone, number,
        (shape.window, shape.stores), np.empty_like(number), code,
    )  # fmt: skip
    columns = c.STREAM, c.PREFETCHED, c.STARTS, c.FOLLOWS
    for column, values in zip(columns, ahead[1:], strict=True):
        code[number[ahead.row], column] = values
    return code


def _merged(kind: NDArray[np.int32], shape: _Shape) -> NDArray[np.int32]:
    return np.array(shape.classes, np.int32)[kind] if shape.classes else kind


def _without_repetitions(code: c.Code, found: Ints) -> tuple[c.Code, Ints]:
    """Return the code with only the first of equal groups, and the parts with their new rows."""
    ranges = [code[first : first + rows] for first, rows, _, _ in found.tolist()]
    found[:, 0] = np.cumsum(found[:, 1]) - found[:, 1]
    return np.concatenate([code[:0], *ranges]), found


@compiled
def _extent(code: c.Code) -> tuple[c.Row, NDArray[np.bool_]]:
    """Return the largest value of each column, int16[COLUMNS], and which operations occur."""
    most = np.zeros(c.COLUMNS, np.int16)
    ops = np.zeros(c.OPS, np.bool_)
    for row in code:
        ops[row[c.OP]] = True
        for column in range(c.COLUMNS):
            most[column] = max(most[column], row[column])
    return most, ops


def _segments(trace: Trace, number: Ints, rows: int) -> tuple[tuple[str, ...], Ints]:
    """Return the names of the segments and their ends in rows of the program.

    Raises ValueError where the segments do not cover the trace.
    """
    segments = trace.segments or (("all", 0, len(trace)),)
    starts = [start for _, start, _ in segments]
    ends = [end for _, _, end in segments]
    if [0, *ends] != [*starts, len(trace)]:
        raise ValueError(f"segments must follow each other over all rows (got {segments})")
    new = [int(number[end]) if end < len(trace) else rows for end in ends]
    return tuple(name for name, _, _ in segments), np.array(new, np.int64)
