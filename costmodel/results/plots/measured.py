"""Operations of one machine over the folio order: measured times, and predicted ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from costmodel import __version__
from costmodel.config.errors import ConfigError
from costmodel.results.plots.order import folio_axis, folio_kib
from costmodel.results.plots.panels import OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import BLACK, BLUE, LIGHT, TEXT
from costmodel.units import PAGE_BYTES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from costmodel.measure.prediction import Compared

COLUMNS = 2
PANEL_INCHES = 1.7


def measured_picture(rows: Sequence[Compared], *, machine: str, date: str) -> Picture:
    """Draw ns per PTE over folio size, one panel per operation.

    Raises ConfigError where only one order was measured: there is no line to draw.
    """
    orders = sorted({row.measured.order for row in rows})
    if len(orders) < 2:
        reason = "needs two or more folio orders: only root can choose them when it measures"
        raise ConfigError.of("plot", reason)
    names = sorted({row.measured.operation for row in rows})
    with look():
        lines = -(-len(names) // COLUMNS)
        figure = new_figure(PANEL_INCHES * lines + OUTSIDE_INCHES)
        axes = figure.subplots(lines, COLUMNS, squeeze=False).flatten()
        for ax, name in zip(axes, names, strict=False):
            mine = [row for row in rows if row.measured.operation == name]
            _panel(ax, name, sorted(mine, key=lambda row: row.measured.order))
            folio_axis(ax, orders)
        for ax in axes[len(names) :]:
            ax.set_visible(False)
        headline = f"{machine}: page-table operations over folio order"
        origin = f"Measured {date}; folio size in KiB (order). costmodel {__version__}"
        write_title(figure, headline, origin)
        draw_legend(figure, _keys(), columns=3)
    return Picture(figure, headline)


def _panel(ax: Axes, name: str, rows: Sequence[Compared]) -> None:
    ax.set_title(name, loc="left", fontweight="bold", fontsize=TEXT)
    ax.set_ylabel("ns per PTE")
    ax.grid(axis="y")
    sizes = [folio_kib(row.measured.order) for row in rows]
    ptes = [row.measured.memory_bytes / PAGE_BYTES for row in rows]
    least = [row.measured.least_ns / pages for row, pages in zip(rows, ptes, strict=True)]
    middle = [row.measured.median_ns / pages for row, pages in zip(rows, ptes, strict=True)]
    ax.fill_between(sizes, least, middle, color=LIGHT, linewidth=0)
    ax.plot(sizes, least, color=BLACK, marker="o", markersize=3)
    known = [
        (size, row.predicted_ns / pages)
        for size, row, pages in zip(sizes, rows, ptes, strict=True)
        if row.predicted_ns is not None
    ]
    if known:
        ax.plot(*zip(*known, strict=True), color=BLUE, linestyle="--", marker="^", markersize=3)
    ax.set_ylim(bottom=0)


def _keys() -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=BLACK, marker="o", markersize=3, label="measured, least"),
        Patch(color=LIGHT, label="up to the median"),
        Line2D([], [], color=BLUE, linestyle="--", marker="^", markersize=3, label="predicted"),
    ]
