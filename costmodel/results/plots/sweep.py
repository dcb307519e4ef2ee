"""A sweep: the change of run time over one of its numbers, the others as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from costmodel.config.errors import ConfigError, unknown
from costmodel.results.document import unique
from costmodel.results.plots.panels import LABEL, OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import BLACK, TEXT, Stroke, stroke
from costmodel.results.text.layout import shorten
from costmodel.sweeps.curves import (
    Curve,
    curves_along,
    followed,
    varied_numbers,
    varied_words,
)
from costmodel.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


PANEL_INCHES = 2.1
LEGEND_COLUMNS = 3
LEGEND_LINE_INCHES = 0.13
_MOST_MARKERS = 24
_WIDE = 20.0
"""A range that ends so many times above its begin is drawn in its logarithm."""
_MOST_LINES = 10
"""More lines than these per panel are put together over words and sizes."""
_LEAST_RATIO = 4.0
"""A logarithmic axis ends at least so many times above its begin: one tick is in it."""
_MOST_TICKS = 6
_FEW_POWERS = 500.0
"""Below this ratio of its ends a logarithmic axis has values between the powers of ten."""
_HUGE_PCT = 1000.0
"""A change from which on the ratio of the times is drawn, in its logarithm."""


def sweep_picture(
    folder: SweepFolder,
    *,
    over: str | None = None,
    machines: Sequence[str] = (),
    strategies: Sequence[str] = (),
    layouts: Sequence[str] = (),
    origin: str = "",
) -> Picture:
    """Draw the changes of a sweep over one of its numbers, a panel per machine and folio layout.

    ``over`` is the number; None: the one that the changes follow most. Where several vary, the band
    holds nine in ten points at a value. ``machines``, ``strategies`` and ``layouts`` choose from
    what there is. What varies in words or sizes has a line per value, or where
    these are too many a remark. Messages call the folder ``origin``. Raises ConfigError where
    nothing is left, or no number varies.
    """
    place = origin or str(folder.path)
    if len(folder.missing()) == len(folder.files):
        raise ConfigError.of(place, "nothing of it is computed yet: start the same sweep again")
    keys, words = varied_numbers(folder), varied_words(folder)
    if over is not None and over in words:
        reason = "has words or sizes, not numbers: its values have lines in the picture of a number"
        raise ConfigError.of("--over", reason, got=repr(over))
    if over is not None and over not in keys:
        raise ConfigError.of("--over", unknown("number of this sweep", over, keys), got=repr(over))
    chosen = [key for key in keys if over in (None, key)]
    if not chosen:
        lines = f" ({', '.join(words)}: words or sizes)" if words else ""
        raise ConfigError.of(place, f"no number varies in it{lines}: nothing to draw over")

    def of_chosen(curves: Sequence[Curve]) -> list[Curve]:
        """Return the curves of the machines, strategies and layouts that were asked for."""
        return [
            curve
            for curve in curves
            if (not machines or curve.machine in machines)
            and (not strategies or curve.strategy in strategies)
            and (not layouts or curve.layout in layouts)
        ]

    found = {key: list(curves_along(folder, key)) for key in chosen}
    by_key = {key: of_chosen(curves) for key, curves in found.items()}
    key = max(chosen, key=lambda one: followed(by_key[one]))
    curves, shown = by_key[key], {curve.machine for curve in found[key]}
    if not curves:
        raise ConfigError.of(place, "holds nothing of what was chosen")
    notes = []
    if lack := folder.missing_cells():
        notes.append(f"Not whole: {lack:,} of {folder.document['cells']:,} cells are missing.")
    if words:
        split = of_chosen(list(curves_along(folder, key, by=words)))
        values = "; ".join(f"{name}: {', '.join(all_)}" for name, all_ in words.items())
        if len({label_of(curve) for curve in split}) <= _MOST_LINES:
            curves = split
            notes.append(f"A line for each value of {values}.")
        else:
            notes.append(f"All values are in one line and its band: {values}.")
    return _drawn(folder, key, curves, shown, others=len(keys) - 1, notes=notes)


def label_of(curve: Curve) -> str:
    """Return the strategy of a curve and its words, no longer than the legend has room for."""
    behind = "".join(f", {word}" for word in curve.words if word)
    return shorten(curve.strategy, max(8, LABEL - len(behind))) + behind


def _drawn(
    folder: SweepFolder,
    key: str,
    curves: Sequence[Curve],
    shown: set[str],
    *,
    others: int,
    notes: Sequence[str],
) -> Picture:
    from matplotlib.lines import Line2D

    machines = unique(curve.machine for curve in curves)
    layouts = unique(curve.layout for curve in curves)
    names = unique(label_of(curve) for curve in curves)
    strokes = {name: stroke(number + 1) for number, name in enumerate(names)}
    columns = min(2, len(layouts))
    panels = [(m, layout) for m in machines for layout in layouts]
    rows = -(-len(panels) // columns)
    document = folder.document
    banded = others > 0 or any(len(c.x) > len(np.unique(c.x)) for c in curves)
    with look():
        lines = -(-len(names) // LEGEND_COLUMNS)
        figure = new_figure(PANEL_INCHES * rows + OUTSIDE_INCHES + lines * LEGEND_LINE_INCHES)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (machine, layout) in zip(grid, panels, strict=False):
            mine = [c for c in curves if (c.machine, c.layout) == (machine, layout)]
            _panel(axes, mine, strokes, banded=banded)
            axes.set_title(f"{machine}, {layout}", loc="left", fontweight="bold", fontsize=TEXT)
            axes.set_xlabel(key)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        beside = f"; {others} more vary: the band holds 90% of the points" if others else ""
        lack = ", ".join(name for name in document["machines"] if name not in shown)
        beside += f"; not a number of {lack}" if lack else ""
        baseline = document["scenario"]["baseline"]
        headline = f"{document['title']}: change against {baseline} over {key}"
        scenario = document["scenario"]
        asked = f"{scenario['operation']}, {document['points']:,} points"
        write_title(figure, headline, f"{asked}{beside}. costmodel {document['version']}", notes)
        keys = [
            Line2D(
                [],
                [],
                color=s.colour,
                linestyle=s.dashes,
                marker=s.marker,
                markersize=3,
                label=name,
            )
            for name, s in strokes.items()
        ]
        draw_legend(figure, keys, columns=LEGEND_COLUMNS)
    return Picture(figure, " ".join([headline, *(f"({note})" for note in notes)]))


def _panel(
    axes: Axes, curves: Sequence[Curve], strokes: Mapping[str, Stroke], *, banded: bool
) -> None:
    """Draw a line per strategy, and around it the band of its points."""
    huge = any(curve.change_pct.max() > _HUGE_PCT for curve in curves)
    ends: list[float] = []
    for curve in curves:
        x, quantiles = curve.quantiles()
        low, middle, high = (1 + quantiles / 100 if huge else quantiles).T
        line = strokes[label_of(curve)]
        if banded:
            axes.fill_between(x, low, high, color=line.colour, alpha=0.15, linewidth=0)
        marker = line.marker if len(x) <= _MOST_MARKERS else ""
        axes.plot(x, middle, color=line.colour, linestyle=line.dashes, marker=marker, markersize=3)
        ends += [float(low.min()), float(high.max())] if banded else middle.tolist()
    axes.axhline(1.0 if huge else 0.0, color=BLACK, linewidth=0.6)
    least = min((float(curve.x.min()) for curve in curves), default=0.0)
    most = max((float(curve.x.max()) for curve in curves), default=1.0)
    if least > 0 and most > _WIDE * least:
        axes.set_xscale("log")
        _ticks(axes.xaxis, most / least)
    else:
        axes.locator_params(axis="x", nbins=_MOST_TICKS)
    if huge:
        axes.set_yscale("log")
        bottom, top = log_limits(min(ends), max(ends))
        axes.set_ylim(bottom, top)
        _ticks(axes.yaxis, top / bottom)
    axes.set_ylabel("time over that of the baseline" if huge else "change of run time, %")
    axes.grid(axis="y")


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Return where a logarithmic axis begins and ends: around the data, with some room.

    >>> [round(end) for end in log_limits(10.0, 1000.0)]
    [8, 1259]
    """
    room = max((high / low) ** 0.05, (_LEAST_RATIO * low / high) ** 0.5)
    return low / room, high * room


def _ticks(axis: Axis, ratio: float) -> None:
    """Write values at an axis in its logarithm, also between powers of ten where these are few."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < _FEW_POWERS else (1.0,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
