"""Finds the few numbers of a machine that decide several comparisons, for the sliders of a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.experiment import Cell
from costmodel.experiment.run import CellKey
from costmodel.explaining.sensitivity import Floats, both_ends, seconds_on, uncertain_numbers
from costmodel.parallel import in_processes
from costmodel.uncertainty.priors import Prior

LEAST_SHARE = 0.03
"""A number with less than this share of the influence of all numbers is left out."""
LEAST_MOVE = 1e-4
"""A change of the logarithm of a ratio of times, between both ends of a range, counts as none below
this."""


def deciding_numbers(
    pairs: Sequence[tuple[Cell, Cell]], *, most: int, jobs: int = 1
) -> tuple[Prior, ...]:
    """Return at most ``most`` numbers of a machine that decide comparisons, the first one most.

    ``pairs`` are cells with their baselines, all of one machine. Each number alone is moved to both
    ends of its range. Its share of a comparison is proportional to the square of the change of the
    logarithm of the ratio of times, and the shares of all comparisons are added. ``jobs`` processes
    share the work. Empty where no number changes anything.
    """
    machine = pairs[0][0].machine
    many_cpus = any(cell.workload.many_cpus for pair in pairs for cell in pair)
    known = uncertain_numbers(machine, many_cpus=many_cpus)
    ends = [changed for prior in known for changed in both_ends(machine, prior)]
    cells = list(dict.fromkeys(CellKey(cell) for pair in pairs for cell in pair))
    found = in_processes(seconds_on, [(key.cell, ends) for key in cells], jobs=jobs)
    logs = {key: np.log(seconds) for key, seconds in zip(cells, found, strict=True)}
    shares = np.zeros(len(known))
    for new, base in pairs:
        shares += _shares(logs[CellKey(new)] - logs[CellKey(base)])
    order = np.argsort(-shares, kind="stable")[:most]
    return tuple(known[at] for at in order if shares[at] > LEAST_SHARE * shares.sum())


def _shares(ratios: Floats) -> Floats:
    """Return each number's share, float64[numbers]; ``ratios`` has its low and high end in turn."""
    moved = np.abs(ratios[1::2] - ratios[::2])
    moved[moved < LEAST_MOVE] = 0.0
    total = float(np.sum(moved**2))
    return np.asarray(moved**2 / total) if total else moved
