"""Folios of 2 MiB that a PMD maps: no strategy's loop sees them.

Whatever the strategy, the same recorded code of 6.12 copies or clears the entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from costmodel.code.build import build
from costmodel.code.events import Step, Trait
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.trace import TableRun, Trace, later
from costmodel.disk_cache import kept
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.trace import step_before

LAYOUT: Final = "pmd"
"""What recordings of them are called."""
HUGE: Final = "huge"
"""The event that the PMD is stored, or emptied."""
PROGRAMS: Final = {"x86_64": "x86_64", "arm64": "arm64_nocontpte"}
"""Contiguous blocks of PTEs change nothing there."""


def pmd_program(isa: str) -> str:
    """Return the program that was recorded with them."""
    return f"v6.12.117_pmd.{PROGRAMS[isa]}"


def pmd_step(event: str, shape: TableShape, traits: int = 0) -> Step:
    """Return an event on the folio of a PMD."""
    first = shape.first_pfns[0]
    return Step(event, 0, first, first, traits | Trait.LARGE)


def pmd_runs(
    operation: str, isa: str, space: ShapedSpace, events: Sequence[str], traits: int
) -> list[TableRun]:
    """Return what an operation executes for each PMD of a space: its recorded ``events``."""
    runs = []
    for shape in space.shapes:
        steps = tuple(pmd_step(event, shape, traits) for event in events)
        key = LAYOUT, operation, isa, steps
        make = partial(kept, key, partial(_trace, operation, pmd_program(isa), steps))
        runs.append(TableRun(later(key, make), shape.count, shape.ptes))
    return runs


def _trace(operation: str, program: str, steps: Sequence[Step]) -> Trace:
    known = operation_named(operation)
    record = recorder_of(operation, program).record(steps, step_before(known.event_before))
    return build(record, load_library(operation, program), operation, known.words.loop)
