"""Time per PTE over the folio order, one line per strategy."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from costmodel.config.errors import ConfigError
from costmodel.results.document import ResultFile, unique
from costmodel.results.plots.panels import LABEL, OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.stack import shown_ns
from costmodel.results.plots.style import BLACK, NOTE_COLUMNS, SMALL, TEXT, Stroke, stroke
from costmodel.results.records import ResultCell
from costmodel.results.text.layout import shorten
from costmodel.units import KIB, PAGE_BYTES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

CUT = 1.6
"""A time longer than this many times the baseline's longest one is written above the panel as a
number."""
PANEL_INCHES = 2.5
LEGEND_LINE_INCHES = 0.13
LEGEND_COLUMNS = 3
ROOM = 1.06
"""The height of a panel, divided by the height of its longest time."""
BROKEN = 0.6
"""Where every time is longer than this part of the longest one, the axis begins above zero, and
says so."""
FOOT = 0.2
"""The room that such an axis leaves below the shortest time, as a part of the span of all times."""


def order_picture(results: ResultFile) -> Picture:
    """Draw ns per PTE over folio size, one panel per machine; mixes of orders have no place in it.

    Raises ConfigError where there are fewer than two orders.
    """
    entries = [entry for entry in results.cells if entry.order is not None]
    orders = sorted({entry.order for entry in entries if entry.order is not None})
    if len(orders) < 2:
        raise ConfigError.of("--kind order", "needs results for two or more folio orders")
    machines = unique(entry.machine for entry in entries)
    with look():
        lines = -(-len(results.strategies) // LEGEND_COLUMNS)
        height = PANEL_INCHES * len(machines) + OUTSIDE_INCHES + lines * LEGEND_LINE_INCHES
        figure = new_figure(height)
        axes = figure.subplots(len(machines), 1, squeeze=False)[:, 0]
        strokes = {name: stroke(number) for number, name in enumerate(results.strategies)}
        for ax, machine in zip(axes, machines, strict=True):
            mine = [entry for entry in entries if entry.machine == machine]
            _panel(ax, mine, strokes)
            _head(ax, results.machine_title(machine), f"{_off_the_axis(mine)}{_begin(ax)}")
            folio_axis(ax, orders)
        axes[-1].set_xlabel("folio size, KiB (order)")
        headline = f"{results.headline}: time over folio order"
        points = any(_published_ns(cell) for cell in entries)
        published = "; open markers: published" if points else ""
        origin = f"Predicted{results.builds_said}{published}. costmodel {results.version}"
        write_title(figure, headline, origin, results.picture_notes)
        marked = {entry.strategy: entry.marked for entry in entries}
        keys = [_key(marked[name], line) for name, line in strokes.items() if name in marked]
        draw_legend(figure, keys, columns=LEGEND_COLUMNS)
    return Picture(figure, headline)


def _head(ax: Axes, machine: str, remarks: str) -> None:
    """Write the machine above a panel, and below that, small, what the panel does not show."""
    name, note = wrap(machine, NOTE_COLUMNS), wrap(remarks, NOTE_COLUMNS)
    pad = 4 + len(note) * 1.25 * SMALL
    ax.set_title("\n".join(name), loc="left", fontweight="bold", fontsize=TEXT, pad=pad)
    ax.text(0, 1.01, "\n".join(note), transform=ax.transAxes, va="bottom", fontsize=SMALL)


def _off_the_axis(entries: list[ResultCell]) -> str:
    """Return ``Off the axis: contpte-per-pte up to 737, ...``; empty where nothing is."""
    limit, slowest = _longest(entries), dict[str, float]()
    for entry in entries:
        for time in (entry.ns_per_pte, *_published_ns(entry)):
            if time > limit:
                slowest[entry.strategy] = max(time, slowest.get(entry.strategy, 0.0))
    parts = [f"{shorten(name, LABEL)} up to {shown_ns(t)}" for name, t in slowest.items()]
    return f"Off the axis: {', '.join(parts)}. " if parts else ""


def _begin(ax: Axes) -> str:
    low, _ = ax.get_ylim()
    return f"The axis begins at {low:.1f}, not at 0." if low else ""


def _panel(ax: Axes, entries: list[ResultCell], strokes: dict[str, Stroke]) -> None:
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
    times = [time for entry in entries for time in _times(entry, entries)]
    low, high = min(times), max(times)
    bottom = low - FOOT * (high - low) if low > BROKEN * high else 0.0
    ax.set_ylim(bottom, high + (ROOM - 1) * (high - bottom))
    if bottom:
        marker = [(-1, -0.4), (1, 0.4)]
        ax.plot(
            [0, 0], [0.02, 0.05], transform=ax.transAxes, linestyle="none", marker=marker,
            markersize=7, color=BLACK, markeredgewidth=0.8, clip_on=False,
        )  # fmt: skip


def _times(entry: ResultCell, entries: list[ResultCell]) -> list[float]:
    """Return the times of a cell that are on the axis, predicted and published."""
    limit = _longest(entries)
    return [time for time in (entry.ns_per_pte, *_published_ns(entry)) if time <= limit]


def _longest(entries: list[ResultCell]) -> float:
    """Return the longest time that the axis shows."""
    return CUT * max(entry.ns_per_pte for entry in entries if entry.is_baseline)


def _published(ax: Axes, entry: ResultCell, line: Stroke) -> None:
    times = _published_ns(entry)
    ax.plot(
        [_kib(entry)] * len(times), times, line.marker, color=line.colour, markersize=7,
        markerfacecolor="none", markeredgewidth=1.0,
    )  # fmt: skip


def _published_ns(entry: ResultCell) -> list[float]:
    return [point.seconds * 1e9 / entry.ptes for point in entry.measurements if point.seconds]


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


def _kib(entry: ResultCell) -> float:
    return folio_kib(entry.order or 0)


def _key(name: str, line: Stroke) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=line.colour, linestyle=line.dashes, marker=line.marker, markersize=3.6,
        label=shorten(name, LABEL),
    )  # fmt: skip
