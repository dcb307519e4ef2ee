"""The scale of an axis of a picture along a number that varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costmodel.explaining.axes import Axis

if TYPE_CHECKING:
    from matplotlib.axis import Axis as Ticks

WIDE = 20.0
"""A range that ends so many times above its begin is drawn in its logarithm."""
_TICKS = 7


def set_scale(ticks: Ticks, axis: Axis) -> None:
    """Choose the scale of one side of a panel and write some of the values at it.

    Where a wide range begins at zero the logarithm begins at the first value above it.
    """
    low, high = axis.bounds
    least = low or axis.grid[min(1, len(axis.grid) - 1)]
    if len(axis.grid) > 2 and high > WIDE * least:
        options = {} if low > 0 else {"linthresh": least, "linscale": 0.4}
        scale = "log" if low > 0 else "symlog"
        panel = ticks.axes
        (panel.set_xscale if ticks is panel.xaxis else panel.set_yscale)(scale, **options)
    places = np.unique(np.linspace(0, len(axis.grid) - 1, _TICKS).round().astype(int))
    shown = list(axis.grid) if len(axis.grid) <= _TICKS + 2 else [axis.grid[at] for at in places]
    ticks.set_ticks(shown, [axis.short(value) for value in shown])
    ticks.set_ticks([], minor=True)
