"""The result of one simulation of several CPUs, by the compiled loop or by SimPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodel.cpus.resources import Thing, Usage


@dataclass(frozen=True)
class Ran:
    """The times of the first CPU's operations, and sums over all CPUs in that time.

    ``took_ps``, int64[operations], holds the times of the first CPU. ``wall_ps`` is the length of
    all this time. ``operations`` operations of all CPUs lie in it as a whole and took
    ``elapsed_ps`` together; ``finished`` operations ended in it. Of these, ``rounds`` had one
    of the same CPU before them, which ended ``rounds_ps`` earlier, summed up. ``extra_ps`` is what
    other CPUs cost these operations, by cause; ``usages`` is how shared things were used in that
    time.
    """

    took_ps: NDArray[np.int64]
    operations: int
    elapsed_ps: int
    finished: int
    rounds: int
    rounds_ps: int
    wall_ps: int
    extra_ps: Mapping[str, int]
    usages: Mapping[Thing, Usage]
