"""Time per PTE over the folio order, one line per strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.config.errors import ConfigError
from costmodel.results.plots.panels import LABEL, OUTSIDE_INCHES, legend, title
from costmodel.results.plots.picture import Picture, look, new_figure
from costmodel.results.plots.results import Entry, Results, unique
from costmodel.results.plots.stack import three_digits
from costmodel.results.plots.style import SMALL, TEXT, Stroke, stroke
from costmodel.results.text.layout import shorten
from costmodel.units import PAGE_BYTES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

KIB = 1024
CUT = 1.6
"""A time of more than so many baselines leaves the panel and is written as a number."""
PANEL_INCHES = 2.3
LEGEND_LINE_INCHES = 0.13
LEGEND_COLUMNS = 3


def order_picture(results: Results) -> Picture:
    """Draw ns per PTE over folio size, one panel per machine; mixes of orders have no place in it.

    Raises ConfigError where there are fewer than two orders.
    """
    entries = [entry for entry in results.entries if entry.order is not None]
    orders = sorted({entry.order for entry in entries if entry.order is not None})
    if len(orders) < 2:
        raise ConfigError.of("--kind order", "needs results for two or more folio orders")
    with look():
        lines = -(-len(results.strategies) // LEGEND_COLUMNS)
        height = PANEL_INCHES * len(results.machines) + OUTSIDE_INCHES + lines * LEGEND_LINE_INCHES
        figure = new_figure(height)
        axes = figure.subplots(len(results.machines), 1, squeeze=False)[:, 0]
        strokes = {name: stroke(number) for number, name in enumerate(results.strategies)}
        for ax, machine in zip(axes, results.machines, strict=True):
            mine = [entry for entry in entries if entry.machine == machine]
            _panel(ax, machine, mine, strokes)
            folio_axis(ax, orders)
        axes[-1].set_xlabel("folio size, KiB (order)")
        headline = f"{results.case}: time over folio order"
        origin = f"Predicted; open markers: published. costmodel {results.version}"
        title(figure, headline, origin)
        legend(figure, [_key(name, line) for name, line in strokes.items()], columns=LEGEND_COLUMNS)
    return Picture(figure, headline)


def _panel(ax: Axes, machine: str, entries: list[Entry], strokes: dict[str, Stroke]) -> None:
    ax.set_title(machine, loc="left", fontweight="bold", fontsize=TEXT)
    ax.set_ylabel("ns per PTE")
    ax.grid(axis="y")
    for number, (name, line) in enumerate(strokes.items()):
        mine = sorted(
            (entry for entry in entries if entry.strategy == name), key=lambda e: e.order or 0
        )
        sizes = [_kib(entry) for entry in mine]
        # Lines that lie on each other: the older are thicker and show behind the newer.
        ax.plot(
            sizes, [entry.ns_per_pte for entry in mine], color=line.colour, linestyle=line.dashes,
            marker=line.marker, markersize=3.6, linewidth=2.2 - number / len(strokes),
        )  # fmt: skip
        for entry in mine:
            _published(ax, entry, line)
    _limit(ax, entries)


def _limit(ax: Axes, entries: list[Entry]) -> None:
    """Fit the axis to what is near the baseline; name what lies off it."""
    usual = min(entry.ns_per_pte for entry in entries if entry.is_baseline)
    times = [entry.ns_per_pte for entry in entries if entry.ns_per_pte <= CUT * usual]
    times += [time for entry in entries for time in _published_ns(entry)]
    low, high = min(times), max(times)
    off = [e for e in entries if e.ns_per_pte > CUT * usual]
    names = unique(entry.strategy for entry in off)
    room = (0.1 + 0.11 * len(names)) * (high - low)
    ax.set_ylim(low - 0.1 * (high - low), high + room)
    slowest = {name: max(e.ns_per_pte for e in off if e.strategy == name) for name in names}
    text = "\n".join(f"{name}: up to {three_digits(time)}" for name, time in slowest.items())
    if text:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(
            0.99, 0.97, f"off the axis\n{text}", transform=ax.transAxes, ha="right", va="top",
            fontsize=SMALL - 0.5, bbox=box,
        )  # fmt: skip


def _published(ax: Axes, entry: Entry, line: Stroke) -> None:
    times = _published_ns(entry)
    ax.plot(
        [_kib(entry)] * len(times), times, line.marker, color=line.colour, markersize=7,
        markerfacecolor="none", markeredgewidth=1.0,
    )  # fmt: skip


def _published_ns(entry: Entry) -> list[float]:
    return [point.seconds * 1e9 / entry.ptes for point in entry.published if point.seconds]


def folio_axis(ax: Axes, orders: list[int]) -> None:
    """Label a horizontal axis with folio sizes and their orders."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    sizes = [folio_kib(order) for order in orders]
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    labels = [f"{size:g}\n({order})" for size, order in zip(sizes, orders, strict=True)]
    ax.xaxis.set_major_formatter(FixedFormatter(labels))
    ax.xaxis.set_minor_locator(NullLocator())


def folio_kib(order: int) -> float:
    """Return the size of a folio in KiB."""
    return PAGE_BYTES / KIB * 2.0**order


def _kib(entry: Entry) -> float:
    return folio_kib(entry.order or 0)


def _key(name: str, line: Stroke) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=line.colour, linestyle=line.dashes, marker=line.marker, markersize=3.6,
        label=shorten(name, LABEL),
    )  # fmt: skip
