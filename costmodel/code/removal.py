"""Takes micro-ops out of a trace, to find out what the rest costs without them."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Flags
from costmodel.code.trace import NO_PRODUCER, Trace
from costmodel.code.uops import Target
from costmodel.jit import compiled

Rows = NDArray[np.int32]

_HANDED = 4
"""The most inputs that a removed micro-op hands on to others: the youngest ones."""


class Orphans(Enum):
    """What a micro-op waits for whose producer is taken out."""

    START = "it waits no longer"
    INHERIT = (
        "it waits for what the removed one waited for: a chain gets shorter, it does not break"
    )


def remove(trace: Trace, gone: Flags, orphans: Orphans) -> Trace:
    """Return the trace without the rows where ``gone``, bool[n], is true.

    Steps without any row left are removed too. A load that took its data from a removed store reads
    the cache. ``orphans`` says what micro-ops with removed producers wait for.
    """
    kept = ~gone
    inputs = trace.inputs
    if orphans is Orphans.INHERIT:
        inputs = _hand_on(inputs, gone, trace.target != Target.NONE)
    ends = np.append(_numbers(gone), np.int32(kept.sum()))
    last = np.append(trace.step_start[1:], len(trace))
    steps = ends[trace.step_start] < ends[last]
    rows = ("kind", "subkind", "address", "size_bytes", "target", "taken", "site")
    return Trace(
        inputs=renumbered(inputs, gone),
        step_start=ends[trace.step_start[steps]],
        step_id=trace.step_id[steps],
        step_names=trace.step_names,
        segments=tuple((name, int(ends[a]), int(ends[b])) for name, a, b in trace.segments),
        **{name: getattr(trace, name)[kept] for name in rows},
    )


def without_kinds(trace: Trace, by_step: NDArray[np.int64]) -> Trace:
    """Return the trace without the kinds in ``by_step``, int64[m], a bit mask for each step.

    Micro-ops that waited for these no longer wait. Steps without some kinds get their own numbers.
    """
    if not by_step.any():
        return trace
    lengths = np.diff(np.append(trace.step_start, len(trace)))
    gone = np.repeat(by_step, lengths) >> trace.kind & 1 == 1
    names, ids = _new_ids(trace, by_step)
    return remove(replace(trace, step_id=ids, step_names=names), gone, Orphans.START)


def renumbered(inputs: Rows, gone: Flags) -> Rows:
    """Return the producers of the rows that are left, by their new numbers.

    A producer that is gone becomes -1, as does none.
    """
    left = inputs[~gone]
    known = (left != NO_PRODUCER) & ~gone[left]
    found: Rows = np.where(known, _numbers(gone)[left], NO_PRODUCER).astype(np.int32)
    return np.ascontiguousarray(found)


def _numbers(gone: Flags) -> Rows:
    """Return the new number of each row: how many rows before it are left, int32[n]."""
    numbers: Rows = (np.cumsum(~gone) - ~gone).astype(np.int32)
    return numbers


def _new_ids(trace: Trace, by_step: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return names and numbers of steps, with own numbers for steps without some kinds.

    Hand-written micro-ops keep the numbers behind all names.
    """
    names, ids = list(trace.step_names), trace.step_id.astype(np.int64)
    pairs = sorted({(int(i), int(m)) for i, m in zip(ids, by_step, strict=True) if m})
    new = {pair: len(names) + number for number, pair in enumerate(pairs)}
    names += [names[step] for step, _ in pairs]
    ids[ids >= len(trace.step_names)] += len(pairs)
    for (step, mask), number in new.items():
        ids[(trace.step_id == step) & (by_step == mask)] = number
    return tuple(names), ids.astype(np.int32)


@compiled
def _hand_on(inputs: Rows, removed: Flags, memory: Flags) -> Rows:
    """Return the inputs with every removed producer replaced by its own producers."""
    result = inputs.copy()
    handed = np.full((len(inputs), _HANDED), -1, np.int32)
    for row in range(len(inputs)):
        if removed[row]:
            for column in range(4):
                _add_all(handed, row, inputs[row, column], removed)
            store = inputs[row, 4]
            if store >= 0 and removed[store]:
                _add_all(handed, row, store, removed)
            continue
        _resolve(result, handed, row, 0, 2 if memory[row] else 4, removed)
        if memory[row]:
            _resolve(result, handed, row, 2, 4, removed)
        store = inputs[row, 4]
        if store >= 0 and removed[store]:
            result[row, 4] = -1
    return result


@compiled
def _add_all(handed: Rows, row: int, producer: int, removed: Flags) -> None:
    """Add a producer, or what it hands on if it is removed, to what ``row`` hands on."""
    if producer < 0:
        return
    if not removed[producer]:
        _insert(handed[row], producer)
        return
    for i in range(_HANDED):
        if handed[producer, i] >= 0:
            _insert(handed[row], handed[producer, i])


@compiled
def _insert(youngest: Rows, producer: int) -> None:
    """Insert a producer into the youngest ones, which are in descending order and each once."""
    for i in range(len(youngest)):
        if youngest[i] == producer:
            return
        if youngest[i] < producer:
            for j in range(len(youngest) - 1, i, -1):
                youngest[j] = youngest[j - 1]
            youngest[i] = producer
            return


@compiled
def _resolve(result: Rows, handed: Rows, row: int, first: int, end: int, removed: Flags) -> None:
    """Replace the removed producers in some columns by what they hand on."""
    youngest = np.full(_HANDED, -1, np.int32)
    for column in range(first, end):
        producer = result[row, column]
        if producer >= 0 and removed[producer]:
            for i in range(_HANDED):
                if handed[producer, i] >= 0:
                    _insert(youngest, handed[producer, i])
            result[row, column] = -1
    taken = 0
    for column in range(first, end):
        if result[row, column] == -1 and taken < _HANDED and youngest[taken] >= 0:
            result[row, column] = youngest[taken]
            taken += 1
