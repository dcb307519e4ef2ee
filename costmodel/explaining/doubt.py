"""How uncertain the ratio of two times is, given what is not known about the machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds
from costmodel.uncertainty.spread import Z90, log_slopes, spread_of

_NAMED: Final = 3
_SMALL: Final = 1e-9


@dataclass(frozen=True)
class Doubt:
    """By which share the ratio of two times may be wrong, with 90 % confidence.

    ``dominant`` names the machine numbers that it is mostly due to. Differences between builds are
    not part of it.
    """

    half_width: float
    dominant: tuple[str, ...]


def doubt_at(pair: tuple[Cell, Cell]) -> Doubt:
    """Return the uncertainty of the ratio of the times of two cells of one machine."""
    machine, many_cpus = pair[0].machine, pair[0].workload.many_cpus
    spread = spread_of(machine, many_cpus=many_cpus)
    new, base = (np.array(_slopes(cell, machine)) for cell in pair)
    half = math.expm1(Z90 * spread.log_deviation((new - base).tolist()))
    moved = np.abs(new - base) * np.sqrt(np.diag(spread.covariance))
    order = sorted(range(len(moved)), key=lambda i: -moved[i])[:_NAMED]
    return Doubt(half, tuple(spread.priors[i].key for i in order if moved[i] > _SMALL))


def _slopes(cell: Cell, machine: Machine) -> tuple[float, ...]:
    def seconds(changed: Machine) -> float:
        return exact_seconds(replace(cell, machine=changed))

    many_cpus = cell.workload.many_cpus
    return log_slopes(machine, seconds(machine), seconds, many_cpus=many_cpus)
