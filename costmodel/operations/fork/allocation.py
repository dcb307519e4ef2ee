"""What a fork executes before the entries of a table, where a whole recorded table is priced."""

from __future__ import annotations

from typing import Final

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.trace import Trace
from costmodel.mm.shapes import TableShape
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.recorder.recorded import WholeTables

_ALLOCATING: Final = "v6.12.117"
"""Variant whose recording provides the allocation, clearing and locking of tables, which cannot be
emulated from a build tree."""


def allocation(architecture: str, shape: TableShape) -> Trace:
    """Return the trace that allocates, clears and locks the child's table before its entries."""
    name = f"{_ALLOCATING}.{architecture}"
    first = shape.first_pfns[0]
    steps = [Step("alloc", -1, first - 1, first), Step("read", 0, first, first)]
    record = recorder_of("fork", name).record(steps, Step("set", -1, -1, -1))
    return build(record, load_library("fork", name), "fork")


WHOLE: Final = WholeTables({WRITABLE.name: "rw", READ_ONLY.name: "ro"}, allocation)
