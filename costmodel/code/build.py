"""Builds a trace (:class:`costmodel.code.trace.Trace`) from what a strategy yielded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.executed import ExecutedSteps
from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN, expand, memory_producers
from costmodel.code.library import Library, load_library
from costmodel.code.record import NOTHING, Record
from costmodel.code.removal import without_kinds
from costmodel.code.subkinds import kind_of, subkind_of
from costmodel.code.trace import NO_ADDRESS, Trace
from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.parallel import keep_freed_memory
from costmodel.units import LINE_BYTES
from costmodel.user_code.blame import StrategyError

keep_freed_memory()


_TYPES = {
    "kind": np.uint8,
    "subkind": np.uint8,
    "size_bytes": np.int16,
    "target": np.uint8,
    "taken": np.int8,
    "site": np.int32,
}
"""The columns of a trace that do not depend on when a row is executed, with their types."""
Columns = dict[str, NDArray[Any]]


def _columns(rows: Iterable[tuple[int, ...]]) -> Columns:
    """Return rows, which are tuples in the order of ``_TYPES``, as columns."""
    columns = zip(*rows, strict=True)
    return {name: np.array(next(columns), dtype) for name, dtype in _TYPES.items()}


class _Static(NamedTuple):
    """The rows of a library as columns of a trace, and the targets of its static micro-ops."""

    columns: Columns
    target: Ints


@cache
def _static(operation: str, name: str) -> _Static:
    library = load_library(operation, name)
    terms: dict[tuple[str, str, str], int] = {}
    micro_ops = zip(*(c.tolist() for c in (library.kind, library.op, library.target)), strict=True)
    number = [terms.setdefault(term, len(terms)) for term in micro_ops]
    rows = (
        (kind_of(kind), subkind_of(kind, op), 0, Target[target.upper()] if target else 0, 0, 0)
        for kind, op, target in terms
    )
    known = {column: values[number] for column, values in _columns(rows).items()}
    known["size_bytes"] = library.size_bytes.astype(_TYPES["size_bytes"])
    known["site"] = library.site.astype(_TYPES["site"])
    columns = {column: values[library.uop] for column, values in known.items()}
    taken = np.where(columns["kind"] == Kind.BRANCH, library.taken, -1)
    columns["taken"] = taken.astype(_TYPES["taken"])
    return _Static(columns, known["target"].astype(np.int64))


def build(record: Record, library: Library, operation: str, segment: str = "copy") -> Trace:
    """Return the trace of a record: its micro-ops in program order, all in one segment.

    ``operation`` and the library's name identify the recorded program.
    """
    static = _static(operation, library.name)
    hand = _Hand(record.uops, record.results, library.isa) if record.uops else _nothing()
    rows = _expanded(record, library, static.target, hand)
    if hand.waits.any():
        rows = _placed(rows, record, library, static.target, hand)
    columns = _executed(rows.library_row, static.columns, hand.columns if record.uops else None)
    memory_producers(columns["kind"], rows.address, columns["size_bytes"], rows.inputs)
    ids, names = rows.steps.numbered(library)
    trace = Trace(
        **columns,
        inputs=rows.inputs,
        address=rows.address,
        step_start=rows.steps.start.astype(np.int32),
        step_id=ids.astype(np.int32),
        step_names=names,
        segments=((segment, 0, len(rows.address)),),
    )
    trace = without_kinds(trace, rows.steps.mask)
    if not len(trace):
        raise StrategyError(NOTHING)
    return trace


class _Rows(NamedTuple):
    """The rows of a trace that is being built, and the steps that they belong to."""

    library_row: Ints
    """The row of the library, or ``-1 - k`` for hand-written micro-op ``k``, int64[n]."""
    address: Ints
    inputs: NDArray[np.int32]
    steps: ExecutedSteps


def _expanded(record: Record, library: Library, target: Ints, hand: _Hand) -> _Rows:
    """Return the rows in the order of the record."""
    fragments, lengths = record.fragments, library.lengths(record.fragments)
    rows = int(lengths.sum())
    library_row = np.empty(rows, dtype=np.int64)
    inputs = np.empty((rows, 5), dtype=np.int32)
    address = np.empty(rows, dtype=np.int64)
    expand(
        (
            fragments,
            record.contexts,
            library.fragment_start,
            library.fragment_length,
            library.uop,
            library.role,
            library.index,
            library.offset,
            library.near,
            library.far,
            library.group_start,
            library.group_member,
            target,
            hand.inputs,
            hand.address,
            library_row,
            inputs,
            address,
        )
    )
    return _Rows(library_row, address, inputs, ExecutedSteps.of(fragments, lengths, record.masks))


def _placed(rows: _Rows, record: Record, library: Library, target: Ints, hand: _Hand) -> _Rows:
    """Return the rows with hand-written accesses where compiled code would have them."""
    from costmodel.code.placing import PlacedRows, placed  # few strategies need it

    steps = rows.steps
    number = np.maximum(-1 - rows.library_row, 0)
    by_hand = rows.library_row < 0
    recorded = target[library.uop[np.maximum(rows.library_row, 0)]]
    read = np.array([name == _READ for name in library.fragment_events], np.bool_)
    reads = (steps.fragment >= 0) & read[np.maximum(steps.fragment, 0)]
    pages = (int(Target.PAGE) << REGION_SHIFT) + LINE_BYTES * record.contexts
    laid = PlacedRows(
        target=np.where(by_hand, hand.columns["target"][number], recorded),
        address=rows.address,
        step=steps.of_rows,
        by_hand=by_hand,
        waits=by_hand & hand.waits[number],
        reads=(steps.start + steps.length - 1)[reads],
        page_address=pages[:, _PAGE_COLUMN],
        head_address=pages[:, _HEAD_COLUMN],
    )
    order = placed(laid, rows.inputs)
    return _Rows(
        rows.library_row[order], rows.address[order], rows.inputs[order], steps.ordered(order)
    )


def _executed(library_row: Ints, known: Columns, by_hand: Columns | None) -> Columns:
    """Return the columns of rows, which are rows of ``known`` or hand-written micro-ops."""
    if by_hand is not None:
        last = len(known["kind"]) - 1
        library_row = np.where(library_row < 0, last - library_row, library_row)
        known = {name: np.concatenate([known[name], by_hand[name]]) for name in known}
    return {name: np.take(column, library_row) for name, column in known.items()}


_READ: Final = "read"
"""The event that reads an entry; everything up to the next such event is about this entry."""
_PAGE_COLUMN, _HEAD_COLUMN = 2, 4
"""Columns of ``Record.contexts``."""


class _Hand:
    """Hand-written micro-ops as columns, with at least one row so that they can be indexed."""

    def __init__(self, uops: Sequence[Uop], results: Ints, isa: str) -> None:
        numbers: dict[tuple[Any, ...], int] = {}
        number = [numbers.setdefault(form, len(numbers)) for form in map(_form, uops)]
        rows = _columns(_row(*form, isa=isa) for form in numbers)
        self.columns = {name: values[number] for name, values in rows.items()}
        target = self.columns["target"].astype(np.int64)
        place = np.array([uop.offset_bytes for uop in uops], np.int64)
        place += np.where(np.isin(target, (Target.SRC, Target.DST)), SLOT_ORIGIN, 0)
        self.address = np.where(target, (target << REGION_SHIFT) + place, NO_ADDRESS)
        row_of = np.append(results, -1)  # the last for what nobody computes
        self.inputs = row_of[[_values(uop) for uop in uops]]
        self.waits = np.isin(target, _WAITING) & [uop.address_inputs is None for uop in uops]


@cache
def _nothing() -> _Hand:
    """Return the columns for a strategy without hand-written micro-ops."""
    return _Hand((Uop(Kind.NOP),), np.zeros(0, np.int64), "")


_WAITING: Final = (Target.SRC, Target.DST, Target.PAGE)
"""Targets whose addresses are computed from the entry."""
_form = attrgetter("kind", "subkind", "op", "target", "size_bytes", "taken", "site")
"""Returns all of a hand-written micro-op but its address and its inputs."""


def _row(
    kind: Kind,
    subkind: Subkind,
    op: str,
    target: Target,
    size_bytes: int,
    taken: bool | None,
    site: str,
    *,
    isa: str,
) -> tuple[int, ...]:
    if isa == "x86_64" and kind == Kind.DMB:  # smp_mb(): a locked operation on the stack
        kind, subkind, target, size_bytes = Kind.RMW, Subkind.RMW_LOCKED, Target.STACK, 4
    if isa == "x86_64" and kind == Kind.RMW:
        subkind = Subkind.RMW_LOCKED
    number = 1 << 20 | crc32(f"{op}/{site}".encode()) & 0xFFFFF
    return kind, subkind, size_bytes, target, -1 if taken is None else int(taken), number


def _values(uop: Uop) -> tuple[int, ...]:
    """Return the four results that a micro-op waits for; -1 for none."""
    if uop.target == Target.NONE:
        return (*uop.data_inputs, -1, -1, -1, -1)[:4]
    return (*(*(uop.address_inputs or ()), -1, -1)[:2], *(*uop.data_inputs, -1, -1)[:2])
