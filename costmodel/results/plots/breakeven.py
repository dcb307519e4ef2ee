"""The change of run time over one number, and where it is zero."""

from __future__ import annotations

import numpy as np

from costmodel import __version__
from costmodel.explaining.axes import Pair
from costmodel.explaining.breakeven import BreakEven
from costmodel.results.plots.panels import OUTSIDE_INCHES, draw_legend, write_title
from costmodel.results.plots.picture import Picture, look, new_figure
from costmodel.results.plots.style import BLACK, BLUE, GREY, LIGHT, set_scale
from costmodel.results.text.breakeven import question, sentence

PANEL_INCHES = 2.4


def breakeven_picture(found: BreakEven, pair: Pair) -> Picture:
    """Draw the change over the number, the crossing, and between which values it lies (90%)."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axis, crossing = found.axis, found.crossing
    x = [point.x for point in found.points]
    with look():
        figure = new_figure(PANEL_INCHES + OUTSIDE_INCHES)
        axes = figure.subplots()
        keys: list[Line2D | Patch] = []
        if crossing is not None:
            low, high = (
                end if edge is None else edge
                for edge, end in zip((crossing.low, crossing.high), axis.bounds, strict=True)
            )
            axes.axvspan(low, high, color=LIGHT, linewidth=0)
            axes.axvline(crossing.x, color=BLACK, linewidth=1.2)
            keys += [Line2D([], [], color=BLACK, linewidth=1.2, label="the same cost")]
            keys += [Patch(color=LIGHT, label="either may win (90%)")]
        axes.axhline(0, color=BLACK, linewidth=0.6)
        axes.plot(x, [100 * point.excess for point in found.points], color=BLUE,
                  marker="o", markersize=2.5)  # fmt: skip
        if axis.now in x:
            excess = found.points[x.index(axis.now)].excess
            axes.plot([axis.now], [100 * excess], "D", color=BLUE, markeredgecolor=BLACK)
            keys += [Line2D([], [], color=BLUE, marker="D", linestyle="", label="now")]
        set_scale(axes.xaxis, axis)
        axes.set_xlabel(axis.key)
        axes.set_ylabel("change of run time, %")
        axes.grid(axis="y", color=GREY, alpha=0.25)
        changes = np.array([100 * point.excess for point in found.points])
        axes.set_ylim(min(0.0, changes.min()) * 1.08 - 0.5, max(0.0, changes.max()) * 1.08 + 0.5)
        write_title(
            figure,
            f"{pair[0].strategy} against {pair[1].strategy} on {pair[0].machine.name}",
            f"{question(pair, found.axis.key)}. costmodel {__version__}",
        )
        if keys:
            draw_legend(figure, keys, columns=3)
    return Picture(figure, sentence(found, pair))
