"""What the model says about operations that were measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.api import cell
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds
from costmodel.measure.operations import Measured
from costmodel.operations.registry import operation_named, operation_names
from costmodel.strategies.catalogue import built_in

_CONTPTE_SINCE = (6, 9)
_IN_THE_MODEL = {
    "fork writable": ("fork", "writable"),
    "fork read-only": ("fork", "read-only"),
    "exit after writable": ("zap", "exit"),
    "exit after read-only": ("zap", "exit"),
    "munmap": ("zap", "munmap"),
    "dontneed": ("zap", "dontneed"),
    "mprotect to-read-only": ("mprotect", "to-read-only"),
    "mprotect to-writable": ("mprotect", "to-writable"),
}
"""Operations as the model calls them: operation and state."""


@dataclass(frozen=True)
class Compared:
    """A measured operation beside its prediction; None where the model has no such operation."""

    measured: Measured
    strategy: str | None
    predicted_ns: float | None

    @property
    def ratio(self) -> float | None:
        """Predicted over the least measured."""
        return None if self.predicted_ns is None else self.predicted_ns / self.measured.least_ns


def compared(measured: Sequence[Measured], machine: Machine, kernel: str) -> list[Compared]:
    """Return every measured operation beside what the model says of a machine that boots a kernel.

    Forks are predicted without their fixed part, which measured ones do not hold either.
    """
    return [
        Compared(one, None, None)
        if cell is None
        else Compared(one, cell.strategy, 1e9 * exact_seconds(cell))
        for one, cell in zip(measured, cells_of(measured, machine, kernel), strict=True)
    ]


def cells_of(measured: Sequence[Measured], machine: Machine, kernel: str) -> list[Cell | None]:
    """Return what to predict for each operation; None where the model has no such operation."""
    without = machine.with_value("kernel.fork_fixed_us", 0.0)
    return [_cell(one, without, kernel) for one in measured]


def _cell(one: Measured, machine: Machine, kernel: str) -> Cell | None:
    strategy = _strategy(one.operation, machine, kernel)
    if strategy is None:
        return None
    operation, state = _IN_THE_MODEL[one.operation]
    return cell(
        machine,
        strategy,
        order=one.order,
        operation=operation,
        state=state,
        memory=f"{one.memory_bytes} B",
        frames="scattered" if one.scattered else "contiguous",
    )


def _strategy(operation: str, machine: Machine, kernel: str) -> str | None:
    """Return the strategy that is the kernel's own: the newest that is not newer."""
    if operation not in _IN_THE_MODEL:
        return None
    name, state = _IN_THE_MODEL[operation]
    if name not in operation_names():
        return None
    if state not in {known.name for known in operation_named(name).words.states}:
        return None
    running = _version(kernel) or (99, 0)
    contpte = machine.isa == "arm64" and running >= _CONTPTE_SINCE
    best: tuple[tuple[int, int], str] | None = None
    for strategy in built_in(name).values():
        version = _version(strategy.name)
        isas = set(strategy.programs)
        fits = version and version <= running and machine.isa in isas
        if fits and strategy.contpte == contpte and version and (not best or version > best[0]):
            best = (version, strategy.name)
    return best[1] if best else None


def _version(text: str) -> tuple[int, int] | None:
    """Return the kernel version that a name ends with or a release begins with."""
    found = re.match(r"(\d+)\.(\d+)", text) or re.search(r"v(\d+)\.(\d+)$", text)
    return (int(found[1]), int(found[2])) if found else None
