"""Takes micro-ops out of a trace: what would the rest cost alone?

A removed micro-op hands its inputs on to its consumers: a chain through it gets shorter, it does
not break. A load that took its data from a removed store reads the cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import Trace
from costmodel.code.uops import Target
from costmodel.jit import compiled

Rows = NDArray[np.int32]

_HANDED = 4
"""Inputs that a removed micro-op hands on at most: the youngest."""


def without(trace: Trace, removed: NDArray[np.bool_]) -> Trace:
    """Return the trace without the rows where ``removed`` (bool[n]) is true."""
    kept = ~removed
    memory = trace.target != Target.NONE
    inputs = _hand_on(trace.inputs, removed, memory)
    number: Rows = (np.cumsum(kept) - kept).astype(np.int32)
    inputs = np.where(inputs >= 0, number[inputs], inputs)[kept]
    ends = np.append(number, np.int32(kept.sum()))
    last = np.append(trace.step_start[1:], len(trace))
    steps = ends[trace.step_start] < ends[last]
    return Trace(
        kind=trace.kind[kept],
        flavour=trace.flavour[kept],
        inputs=np.ascontiguousarray(inputs, dtype=np.int32),
        address=trace.address[kept],
        size_bytes=trace.size_bytes[kept],
        target=trace.target[kept],
        taken=trace.taken[kept],
        site=trace.site[kept],
        step_start=ends[trace.step_start[steps]],
        step_id=trace.step_id[steps],
        step_names=trace.step_names,
        segments=tuple((name, int(ends[a]), int(ends[b])) for name, a, b in trace.segments),
    )


@compiled
def _hand_on(inputs: Rows, removed: NDArray[np.bool_], memory: NDArray[np.bool_]) -> Rows:
    """Return the inputs with every removed producer replaced by what it waited for itself."""
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
def _add_all(handed: Rows, row: int, producer: int, removed: NDArray[np.bool_]) -> None:
    """Add a producer, or what it hands on, to what ``row`` hands on."""
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
    """Keep the youngest producers, in descending order and each once."""
    for i in range(len(youngest)):
        if youngest[i] == producer:
            return
        if youngest[i] < producer:
            for j in range(len(youngest) - 1, i, -1):
                youngest[j] = youngest[j - 1]
            youngest[i] = producer
            return


@compiled
def _resolve(
    result: Rows, handed: Rows, row: int, first: int, end: int, removed: NDArray[np.bool_]
) -> None:
    """Replace the removed producers in some columns; handed-on inputs take the free columns."""
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
