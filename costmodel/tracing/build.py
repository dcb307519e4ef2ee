"""Builds a :class:`costmodel.trace.Trace` from what a strategy yielded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from costmodel.steps.library import Library, load_library
from costmodel.trace import Trace
from costmodel.tracing.expand import REGION_SHIFT, SLOT_ORIGIN, expand, memory_producers
from costmodel.tracing.flavours import flavour_of, kind_of
from costmodel.tracing.omit import omit
from costmodel.tracing.record import Record
from costmodel.tracing.shorten import shortened, turns_of
from costmodel.uops import Flavour, Kind, Target, Uop

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Static:
    """The static micro-ops of a library in a core's terms."""

    kind: Ints
    flavour: Ints
    target: Ints


@cache
def _static(operation: str, name: str) -> _Static:
    library = load_library(operation, name)
    kinds, ops = library.kind.tolist(), library.op.tolist()
    targets = [Target[name.upper()] if name else Target.NONE for name in library.target.tolist()]
    return _Static(
        np.array([int(kind_of(kind)) for kind in kinds]),
        np.array([int(flavour_of(kind, op)) for kind, op in zip(kinds, ops, strict=True)]),
        np.array([int(target) for target in targets]),
    )


def build_short(record: Record, library: Library, operation: str, segment: str = "copy") -> Trace:
    """Return the micro-ops of a record without most turns of the loop that makes up most of it.

    All of them where there is no such loop, see :mod:`costmodel.tracing.shorten`.
    """
    turns = turns_of(record, record.lengths(library))
    if turns is not None:
        short = shortened(build(turns.kept(record), library, operation, segment), turns)
        if short is not None:
            return short
    return build(record, library, operation, segment)


def build(record: Record, library: Library, operation: str, segment: str = "copy") -> Trace:
    """Return the micro-ops of a record in program order, all in one segment."""
    static = _static(operation, library.name)
    hand = _Hand(record.uops, library.isa)
    paths, lengths = record.paths, record.lengths(library)
    rows = int(lengths.sum())
    library_row = np.empty(rows, dtype=np.int64)
    inputs = np.empty((rows, 5), dtype=np.int32)
    address = np.empty(rows, dtype=np.int64)
    expand(
        (
            paths,
            record.contexts,
            library.path_start,
            library.path_length,
            library.uop,
            library.role,
            library.index,
            library.offset,
            library.near,
            library.far,
            library.group_start,
            library.group_member,
            static.target,
            hand.inputs,
            hand.address,
            library_row,
            inputs,
            address,
        )
    )
    uop = library.uop[np.maximum(library_row, 0)]

    def column(recorded: Ints, by_hand: Ints) -> Ints:
        if not record.uops:
            return recorded
        return np.where(library_row < 0, by_hand[np.maximum(-1 - library_row, 0)], recorded)

    kind = column(static.kind[uop], hand.kind)
    size = column(library.size_bytes[uop], hand.size_bytes)
    memory_producers(kind, address, size, inputs)
    taken = np.where(kind == Kind.BRANCH, library.taken[np.maximum(library_row, 0)], -1)
    trace = Trace(
        kind=kind.astype(np.uint8),
        flavour=column(static.flavour[uop], hand.flavour).astype(np.uint8),
        inputs=inputs,
        address=address,
        size_bytes=size.astype(np.int16),
        target=column(static.target[uop], hand.target).astype(np.uint8),
        taken=column(taken, hand.taken).astype(np.int8),
        site=column(library.site[uop], hand.site).astype(np.int32),
        step_start=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32),
        step_id=np.where(paths < 0, len(library.path_start) - 1 - paths, paths).astype(np.int32),
        step_names=library.path_events,
        segments=((segment, 0, rows),),
    )
    return omit(trace, record.masks)


class _Hand:
    """Hand-written micro-ops as columns; at least one row, so that it can be indexed."""

    def __init__(self, uops: Sequence[Uop], isa: str) -> None:
        count = max(1, len(uops))
        self.kind, self.flavour, self.target = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self.size_bytes, self.site = (np.zeros(count, dtype=np.int64) for _ in range(2))
        self.taken, self.address = (np.full(count, -1, dtype=np.int64) for _ in range(2))
        self.inputs = np.full((count, 4), -1, dtype=np.int64)
        for number, uop in enumerate(uops):
            self._fill(number, uop, isa)

    def _fill(self, number: int, uop: Uop, isa: str) -> None:
        self.kind[number] = uop.kind
        locked = uop.kind == Kind.RMW and isa == "x86_64"
        self.flavour[number] = Flavour.RMW_LOCKED if locked else uop.flavour
        self.target[number] = uop.target
        self.size_bytes[number] = uop.size_bytes
        self.taken[number] = -1 if uop.taken is None else int(uop.taken)
        self.site[number] = 1 << 20 | crc32(f"{uop.op}/{uop.site}".encode()) & 0xFFFFF
        if uop.target != Target.NONE:
            origin = SLOT_ORIGIN if uop.target in (Target.SRC, Target.DST) else 0
            self.address[number] = (uop.target << REGION_SHIFT) + origin + uop.offset_bytes
            for column, value in enumerate(uop.address_inputs[:2]):
                self.inputs[number, column] = value
            for column, value in enumerate(uop.data_inputs[:2]):
                self.inputs[number, 2 + column] = value
        else:
            for column, value in enumerate(uop.data_inputs[:4]):
                self.inputs[number, column] = value
