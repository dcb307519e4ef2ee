"""Traces whose arrays need not be kept: they are traced again if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from costmodel.code.trace import TableRun, Trace


def trace_bytes(trace: Trace) -> int:
    """Return the bytes of a trace's arrays, with its lines, which cores ask for."""
    arrays = (
        trace.kind, trace.flavour, trace.inputs, trace.address, trace.size_bytes, trace.target,
        trace.taken, trace.site, trace.step_start, trace.step_id, trace.address,
    )  # fmt: skip
    return sum(array.nbytes for array in arrays)


def runs_bytes(runs: tuple[TableRun, ...]) -> int:
    """Return the bytes of all traces in ``runs``, each counted once."""
    return sum(trace_bytes(trace) for trace in {id(run.trace): run.trace for run in runs}.values())


class Recalled(Trace):
    """A trace whose arrays lie in a cache, which may forget them: then they are traced again.

    What cores work out about a trace stays with this object. It is far smaller than the arrays and
    mostly all that is needed from then on.
    """

    def __init__(self, source: Callable[[], Trace]) -> None:
        """Get the trace from ``source``, now and whenever its arrays are needed."""
        trace = source()
        vars(self).update(
            _source=source,
            _rows=len(trace),
            _kinds=trace.kinds(),
        )

    def __getattr__(self, name: str) -> Any:
        """Return an array of the trace."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._source(), name)

    def __len__(self) -> int:
        """Return the number of micro-ops."""
        return int(self._rows)

    def __reduce__(self) -> tuple[type[Trace], tuple[Any, ...]]:
        """Copy and send it as the plain trace that it stands for."""
        return Trace, tuple(getattr(self, field.name) for field in fields(Trace))
