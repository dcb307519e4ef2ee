"""A tornado: how far each number of a machine, alone, moves an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel import __version__
from costmodel.explaining.sensitivity import Influence, Sensitivity
from costmodel.quantity import ends_text
from costmodel.results.plots.panels import OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import BLACK, BLUE, ORANGE, SMALL
from costmodel.settings import what

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 12
ROW_INCHES = 0.2
_LEAST = 1e-3
"""A bar of less than this part of the longest cannot be seen."""


def tornado_picture(found: Sensitivity) -> Picture:
    """Draw the answer at both ends of each number's range, the widest bar on top."""
    from matplotlib.patches import Patch

    bars = sorted(found.influences, key=lambda one: -one.swing)[:MOST_BARS]
    bars = [one for one in bars if one.swing > _LEAST * bars[0].swing]
    with look():
        figure = new_figure(ROW_INCHES * max(len(bars), 1) + OUTSIDE_INCHES)
        axes = figure.subplots()
        for row, one in enumerate(bars):
            _bar(axes, row, one, found.answer)
        axes.axvline(found.answer, color=BLACK, linewidth=0.8)
        axes.set_yticks(range(len(bars)), [one.key for one in bars])
        axes.invert_yaxis()
        axes.margins(x=0.14)
        axes.grid(axis="x")
        than = f" against {found.baseline.strategy}" if found.baseline else ""
        axes.set_xlabel("change of run time, %" if found.baseline else "ns per PTE")
        headline = f"{found.cell.machine.name}: what decides {found.cell.strategy}{than}"
        layout = what(found.cell.workload, layout=True)
        write_title(figure, headline, f"{layout}; one number at a time. costmodel {__version__}")
        keys = [
            Patch(color=BLUE, label="at the low end"),
            Patch(color=ORANGE, label="at the high end"),
        ]
        draw_legend(figure, keys, columns=2)
    return Picture(figure, headline)


def _bar(axes: Axes, row: int, one: Influence, answer: float) -> None:
    low, high = ends_text(one.low, one.high, one.key)
    ends = ((one.at_low, low, BLUE), (one.at_high, high, ORANGE))
    for at, _, colour in ends:
        axes.barh(row, at - answer, 0.62, left=answer, color=colour, edgecolor=BLACK, linewidth=0.4)
    left, right = sorted(ends, key=lambda end: end[0])
    for (at, number, _), side, shift in ((left, "right", -3), (right, "left", 3)):
        axes.annotate(
            number, (at, row), xytext=(shift, 0), textcoords="offset points",
            ha=side, va="center_baseline", fontsize=SMALL - 1,
        )  # fmt: skip
