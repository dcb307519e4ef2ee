"""What must stand beside numbers: what was changed, what is shared, what was never compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.published import has_times
from costmodel.results.text.caution import caution
from costmodel.settings import Setting, settings_of_machine

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.experiment import Cell


def remarks(cell: Cell, idle: Sequence[Setting] = ()) -> list[str]:
    """Return the sentences that the numbers of a machine under a workload need.

    ``idle`` are settings that change nothing here.
    """
    machine, workload = cell.machine, cell.workload
    return [
        *_changed(machine),
        *_idle(idle),
        *_never_compared(machine, workload.operation),
        *filter(None, [caution(machine, workload.operation)]),
    ]


def _changed(machine: Machine) -> Iterator[str]:
    changes = [setting.change for setting in settings_of_machine(machine)]
    if changes:
        yield f"Changed for this run: {', '.join(changes)}."


def _idle(idle: Sequence[Setting]) -> Iterator[str]:
    if idle:
        yield f"No time here depends on: {', '.join(map(str, idle))}."


def _never_compared(machine: Machine, operation: str) -> Iterator[str]:
    if machine.changes or not has_times(machine.name, operation):
        yield f"No absolute {operation} time of this machine was ever compared with a measurement."
    if machine.fit is None:
        yield "Nothing was fitted on it: its intervals come from the bounds in its file."


__all__ = ["remarks"]
