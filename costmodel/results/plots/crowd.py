"""Several CPUs: time and throughput over how many there are, and how busy shared things become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from costmodel.config.errors import ConfigError
from costmodel.config.sharing import SHARED
from costmodel.results.document import ResultFile, column_title, unique
from costmodel.results.plots.panels import LABEL, OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import TEXT, Stroke, stroke
from costmodel.results.records import ResultCell
from costmodel.results.text.layout import shorten

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PANEL_INCHES = 2.3
LEGEND_LINE_INCHES = 0.13
LEGEND_COLUMNS = 3
LOGARITHMIC = 6.0
"""An axis whose end is more than this many times its beginning is logarithmic."""
SHOWN_SHARE = 0.005
"""A shared thing that is never in use for more than this part of the time has no line."""
US_PER_S = 1e6
_TITLE_COLUMNS = 54


class _Row(NamedTuple):
    """The cells of one machine and folio layout: a row of panels."""

    title: str
    cells: tuple[ResultCell, ...]

    def of(self, strategy: str) -> list[ResultCell]:
        """Return the cells of one strategy, fewest CPUs first."""
        mine = (cell for cell in self.cells if cell.strategy == strategy)
        return sorted(mine, key=lambda cell: cell.cpus_in_use)


def cpus_picture(results: ResultFile) -> Picture:
    """Draw the time of an operation and what all CPUs do in a second, over their number.

    Raises ConfigError where there are fewer than two numbers of CPUs.
    """
    rows = _rows(results, "cpus")
    strokes = {name: stroke(number) for number, name in enumerate(results.strategies)}
    with look():
        lines = -(-len(strokes) // LEGEND_COLUMNS)
        height = PANEL_INCHES * len(rows) + OUTSIDE_INCHES + lines * LEGEND_LINE_INCHES
        figure = new_figure(height)
        axes = figure.subplots(len(rows), 2, squeeze=False)
        for (left, right), row in zip(axes, rows, strict=True):
            _draw(left, row, strokes, _TIME)
            _draw(right, row, strokes, _THROUGHPUT)
            left.set_title("\n".join(wrap(row.title, _TITLE_COLUMNS)), **_TITLE)
            left.set_ylabel("us per operation")
            right.set_ylabel("operations per second, all CPUs")
        for ax in axes[-1]:
            ax.set_xlabel(_axis_name(results))
        headline = f"{results.headline}: time and throughput over {_axis_name(results)}"
        shaded = "shaded: 90 % interval of the model; " if any(map(_spans, results.cells)) else ""
        published = "open markers: published; " if any(_points(row) for row in rows) else ""
        shown = f"Predicted{results.builds_said}; {shaded}{published}".removesuffix("; ")
        origin = f"{shown}. costmodel {results.version}"
        write_title(figure, headline, origin, results.picture_notes)
        marked = {entry.strategy: entry.marked for entry in results.cells}
        keys = [_key(shorten(marked[name], LABEL), line) for name, line in strokes.items()]
        draw_legend(figure, keys, columns=LEGEND_COLUMNS)
    return Picture(figure, headline)


def shared_picture(results: ResultFile) -> Picture:
    """Draw for which part of the time each shared thing is in use, over the number of CPUs.

    One panel per strategy. Raises ConfigError where there are fewer than two numbers of CPUs, or
    where nothing shared is in use for long.
    """
    rows = _rows(results, "shared")
    names = _names_in_use(results.cells)
    if not names:
        reason = f"nothing shared is in use for over {100 * SHOWN_SHARE:g} % of the time here"
        raise ConfigError.of("--kind shared", reason)
    strokes = {name: stroke(number) for number, name in enumerate(names)}
    panels = [(row, name) for row in rows for name in unique(c.strategy for c in row.cells)]
    columns = min(2, len(panels))
    with look():
        lines = -(-len(panels) // columns)
        legend = -(-len(names) // (2 * LEGEND_COLUMNS)) * LEGEND_LINE_INCHES
        figure = new_figure(PANEL_INCHES * lines + OUTSIDE_INCHES + legend)
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax, (row, strategy) in zip(axes, panels, strict=False):
            _draw_shared(ax, row.of(strategy), strokes)
            title = f"{row.title}\n{shorten(row.of(strategy)[0].marked, LABEL)}"
            ax.set_title("\n".join(w for t in title.split("\n") for w in wrap(t, LABEL)), **_TITLE)
            ax.set_xlabel(_axis_name(results))
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax in axes[::columns]:
            ax.set_ylabel("in use, % of the time")
        headline = f"{results.headline}: how busy shared things are"
        origin = f"Predicted{results.builds_said}; of several of a kind the busiest."
        origin += f" costmodel {results.version}"
        write_title(figure, headline, origin, results.picture_notes)
        draw_legend(figure, [_key(n, s) for n, s in strokes.items()], columns=2 * LEGEND_COLUMNS)
    return Picture(figure, headline)


_TITLE = {"loc": "left", "fontweight": "bold", "fontsize": TEXT}


def _rows(results: ResultFile, kind: str) -> list[_Row]:
    if len({cell.cpus_in_use for cell in results.cells}) < 2:
        reason = "needs two or more numbers of CPUs: --set cpus=1,8,32"
        raise ConfigError.of(f"--kind {kind}", reason)
    places = dict.fromkeys((cell.machine, cell.layout) for cell in results.cells)
    return [
        _Row(
            f"{results.machine_title(machine)}, {column_title(layout)}",
            tuple(c for c in results.cells if (c.machine, c.layout) == (machine, layout)),
        )
        for machine, layout in places
    ]


def _axis_name(results: ResultFile) -> str:
    """Return what varies; CPUs in use where that are processes and their threads."""
    if len({cell.threads for cell in results.cells}) == 1:
        return "processes" if results.first.threads == 1 else "CPUs in use"
    return "threads" if len({cell.cpus for cell in results.cells}) == 1 else "CPUs in use"


def _names_in_use(cells: Sequence[ResultCell]) -> list[str]:
    crowds = [cell.crowd for cell in cells if cell.crowd]
    busiest = {
        name: max((c.shared[name].utilisation for c in crowds if name in c.shared), default=0.0)
        for name in SHARED
        if name != "llc"  # a share of the capacity: nobody waits for it
    }
    return [name for name, share in busiest.items() if share > SHOWN_SHARE]


def _draw(
    ax: Axes,
    row: _Row,
    strokes: dict[str, Stroke],
    quantity: _Quantity,
) -> None:
    shown: list[float] = []
    for name, line in strokes.items():
        mine = row.of(name)
        values = [quantity.value(cell) for cell in mine]
        _line(ax, [cell.cpus_in_use for cell in mine], values, line)
        shown += [*values, *_shade(ax, mine, quantity, line)]
        for cell in mine:
            points = quantity.published(cell, row)
            shown += points
            ax.plot(
                [cell.cpus_in_use] * len(points), points, line.marker, color=line.colour,
                markersize=7, markerfacecolor="none", markeredgewidth=1.0,
            )  # fmt: skip
    _cpu_axis(ax, [cell.cpus_in_use for cell in row.cells])
    ax.grid(axis="y")
    if max(shown) > LOGARITHMIC * min(shown):
        _logarithmic(ax, shown)
    else:
        ax.set_ylim(0, 1.08 * max(shown))


def _shade(ax: Axes, cells: Sequence[ResultCell], quantity: _Quantity, line: Stroke) -> list[float]:
    """Shade the intervals of cells that have one; return their ends."""
    spans = {cell.cpus_in_use: span for cell in cells if (span := quantity.interval(cell))}
    lows, highs = [low for low, _ in spans.values()], [high for _, high in spans.values()]
    ax.fill_between(list(spans), lows, highs, color=line.colour, alpha=0.15, linewidth=0)
    return lows + highs


def _draw_shared(ax: Axes, cells: Sequence[ResultCell], strokes: dict[str, Stroke]) -> None:
    crowds = {cell.cpus_in_use: cell.crowd for cell in cells if cell.crowd}
    for name, line in strokes.items():
        uses = {cpus: crowd.shared[name] for cpus, crowd in crowds.items() if name in crowd.shared}
        shares = [100 * use.utilisation for use in uses.values()]
        if any(shares):
            _line(ax, list(uses), shares, line)
    _cpu_axis(ax, list(crowds))
    ax.grid(axis="y")
    ax.set_ylim(0, 104)


def _line(ax: Axes, x: Sequence[float], y: Sequence[float], line: Stroke) -> None:
    ax.plot(x, y, color=line.colour, linestyle=line.dashes, marker=line.marker, markersize=3.6)


def _logarithmic(ax: Axes, shown: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.set_ylim(min(shown) / 1.3, max(shown) * 1.3)
    wide = max(shown) > 100 * min(shown)
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _cpu_axis(ax: Axes, counts: Sequence[int]) -> None:
    """Label a logarithmic axis with the numbers themselves, as far as they have room."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ax.set_xscale("log", base=2)
    if len(set(counts)) == 1:
        ax.set_xlim(counts[0] / 2, counts[0] * 2)
    labelled: list[int] = []
    for count in sorted(set(counts)):
        if not labelled or count >= 1.35 * labelled[-1]:
            labelled.append(count)
    ax.xaxis.set_major_locator(FixedLocator(labelled))
    ax.xaxis.set_major_formatter(FixedFormatter([str(count) for count in labelled]))
    ax.xaxis.set_minor_locator(NullLocator())


def _time_us(cell: ResultCell) -> float:
    return cell.ns_per_pte * cell.ptes / 1000


def _throughput(cell: ResultCell) -> float:
    return cell.operations_per_s


def _published_us(cell: ResultCell, row: _Row) -> list[float]:
    del row
    return [point.seconds * US_PER_S for point in cell.measurements if point.seconds]


def _published_per_s(cell: ResultCell, row: _Row) -> list[float]:
    """Return published throughputs; a change stands on the baseline that is predicted there."""
    return list(_per_s(cell, row))


def _per_s(cell: ResultCell, row: _Row) -> Iterator[float]:
    base = next((c for c in row.cells if c.is_baseline and c.column == cell.column), None)
    for point in cell.measurements:
        if point.metric == "per_s":
            yield point.mean
        elif point.metric == "throughput_pct" and base is not None:
            yield base.operations_per_s * (1 + point.mean / 100)


def _interval_us(cell: ResultCell) -> tuple[float, float] | None:
    ends = cell.model_interval_seconds90
    return None if ends is None else (ends[0] * US_PER_S, ends[1] * US_PER_S)


def _interval_per_s(cell: ResultCell) -> tuple[float, float] | None:
    return cell.model_interval_throughput_per_s90


def _spans(cell: ResultCell) -> bool:
    return bool(_interval_us(cell) or _interval_per_s(cell))


class _Quantity(NamedTuple):
    """What a panel shows: its value, its interval and what was published of it."""

    value: Callable[[ResultCell], float]
    interval: Callable[[ResultCell], tuple[float, float] | None]
    published: Callable[[ResultCell, _Row], list[float]]


_TIME = _Quantity(_time_us, _interval_us, _published_us)
_THROUGHPUT = _Quantity(_throughput, _interval_per_s, _published_per_s)


def _points(row: _Row) -> list[float]:
    """Return all published points of a row of panels."""
    shown = (quantity.published for quantity in (_TIME, _THROUGHPUT))
    return [point for published in shown for cell in row.cells for point in published(cell, row)]


def _key(name: str, line: Stroke) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=line.colour, linestyle=line.dashes, marker=line.marker, markersize=3.6,
        label=name,
    )  # fmt: skip
