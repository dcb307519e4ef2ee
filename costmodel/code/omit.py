"""Takes micro-ops of some kinds out of some steps of a trace: what if the kernel did without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import NO_PRODUCER, Trace


def omit(trace: Trace, by_step: NDArray[np.int64]) -> Trace:
    """Return a trace without the kinds in ``by_step`` (int64[m], a bit mask of kinds per step).

    Inputs that a micro-op taken out had produced have no producer any more.
    """
    if not by_step.any():
        return trace
    lengths = np.diff(np.append(trace.step_start, len(trace)))
    kept = np.repeat(by_step, lengths) >> trace.kind & 1 == 0
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    inputs = trace.inputs[kept]
    known = (inputs != NO_PRODUCER) & kept[inputs]
    names, ids = _new_ids(trace, by_step)
    rows = ("kind", "flavour", "address", "size_bytes", "target", "taken", "site")
    return replace(
        trace,
        inputs=np.where(known, before[inputs], NO_PRODUCER).astype(np.int32),
        step_start=before[trace.step_start],
        step_id=ids,
        step_names=names,
        segments=tuple((n, int(before[a]), int(before[b])) for n, a, b in trace.segments),
        **{name: getattr(trace, name)[kept] for name in rows},
    )


def _new_ids(trace: Trace, by_step: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Number steps without some kinds apart from whole ones; hand-written ones stay last."""
    names, ids = list(trace.step_names), trace.step_id.astype(np.int64)
    pairs = sorted({(int(i), int(m)) for i, m in zip(ids, by_step, strict=True) if m})
    new = {pair: len(names) + number for number, pair in enumerate(pairs)}
    names += [names[step] for step, _ in pairs]
    ids[ids >= len(trace.step_names)] += len(pairs)
    for (step, mask), number in new.items():
        ids[(trace.step_id == step) & (by_step == mask)] = number
    return tuple(names), ids.astype(np.int32)
