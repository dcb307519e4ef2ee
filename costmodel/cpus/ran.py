"""What one simulation of several CPUs saw: the same for the compiled loop and for SimPy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodel.cpus.resources import Thing, Usage


@dataclass(frozen=True)
class Ran:
    """What happened: the first CPU's times, and sums over the operations that lie in them.

    ``took_ps`` int64[operations]. ``operations`` lie in that time as a whole and took
    ``elapsed_ps`` together, ``finished`` ended in it; ``wall_ps`` is its length. ``extra_ps`` is
    what others cost the operations, by cause; ``usages`` is what shared things saw in that time.
    """

    took_ps: NDArray[np.int64]
    operations: int
    elapsed_ps: int
    finished: int
    wall_ps: int
    extra_ps: Mapping[str, int]
    usages: Mapping[Thing, Usage]
