"""A sweep: the change of run time over one of its numbers, the others as a band."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.config.errors import ConfigError, unknown
from costmodel.results.document import unique
from costmodel.results.plots.panels import LABEL, OUTSIDE_INCHES, draw_legend, write_title
from costmodel.results.plots.picture import Picture, look, new_figure
from costmodel.results.plots.style import BLACK, TEXT, Stroke, stroke
from costmodel.results.text.layout import shorten
from costmodel.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Floats = NDArray[np.float64]

PANEL_INCHES = 2.1
LEGEND_COLUMNS = 3
LEGEND_LINE_INCHES = 0.13
ENDS = (0.05, 0.5, 0.95)
"""Quantiles of the points at one value: both ends of the band, and the line."""
_MOST_VALUES = 40
"""More values of a number than these are put together in bins."""
_BINS = 16
_LEAST_OF_BIN = 8
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


@dataclass(frozen=True)
class Curve:
    """A strategy on one machine and layout: ``x`` float64[n], ``change_pct`` float64[n].

    ``words`` are the values of other axes that have no numbers, if they are told apart.
    """

    machine: str
    layout: str
    strategy: str
    x: Floats
    change_pct: Floats
    words: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The strategy and the words, no longer than the legend has room for."""
        behind = "".join(f", {word}" for word in self.words if word)
        return shorten(self.strategy, max(8, LABEL - len(behind))) + behind

    def quantiles(self) -> tuple[Floats, Floats]:
        """Return values of the number and the change at them, float64[m] and float64[m, 3]."""
        values = np.unique(self.x)
        if len(values) > _MOST_VALUES:
            count = min(_BINS, max(1, len(self.x) // _LEAST_OF_BIN))
            parts = np.array_split(np.argsort(self.x, kind="stable"), count)
        else:
            parts = [np.flatnonzero(self.x == value) for value in values]
        at = [float(np.median(self.x[part])) for part in parts]
        found = [np.quantile(self.change_pct[part], ENDS) for part in parts]
        return np.array(at), np.array(found)


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

    found = {key: list(_curves(folder, key)) for key in chosen}
    by_key = {key: of_chosen(curves) for key, curves in found.items()}
    key = max(chosen, key=lambda one: _followed(by_key[one]))
    curves, shown = by_key[key], {curve.machine for curve in found[key]}
    if not curves:
        raise ConfigError.of(place, "holds nothing of what was chosen")
    notes = []
    if lack := folder.missing_cells():
        notes.append(f"Not whole: {lack:,} of {folder.document['cells']:,} cells are missing.")
    if words:
        split = of_chosen(list(_curves(folder, key, by=words)))
        values = "; ".join(f"{name}: {', '.join(all_)}" for name, all_ in words.items())
        if len({curve.label for curve in split}) <= _MOST_LINES:
            curves = split
            notes.append(f"A line for each value of {values}.")
        else:
            notes.append(f"All values are in one line and its band: {values}.")
    return _drawn(folder, key, curves, shown, others=len(keys) - 1, notes=notes)


def varied_numbers(folder: SweepFolder) -> list[str]:
    """Return the keys along which a sweep has more than one number."""
    found = []
    for key in _columns(folder):
        parts = [table[key] for table in folder.tables([key])]
        if parts and parts[0].dtype.kind in "iuf":
            values = np.concatenate(parts).astype(np.float64)
            if len(np.unique(values[np.isfinite(values)])) > 1:
                found.append(key)
    return found


def varied_words(folder: SweepFolder) -> dict[str, list[str]]:
    """Return the keys along which a sweep has more than one word, size or truth value, with all."""
    found = {}
    for key in _columns(folder):
        parts = [table[key] for table in folder.tables([key])]
        if any(part.dtype.kind not in "iuf" for part in parts):
            values = unique(_word(value) for part in parts for value in part.tolist())
            if len(values) > 1:
                found[key] = [value for value in values if value]
    return found


def _word(value: object) -> str:
    """Return a value as a study has it; empty where a machine has none."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(key: str, word: str) -> str:
    """Return a word as a legend has it: a truth value says what is true."""
    return f"{key.rpartition('.')[2]}={word}" if word in ("true", "false") else word


def _columns(folder: SweepFolder) -> list[str]:
    """Return which columns of the rows are axes: of ``uncertain``, all that it stands for."""
    first = next(iter(folder.tables()), {})
    known = {"point", "machine", "folio_layout", "strategy", "seconds", "ns_per_pte", "change_pct"}
    return [name for name in first if name not in known]


def _curves(folder: SweepFolder, key: str, by: Collection[str] = ()) -> Iterator[Curve]:
    """Yield the curves of all strategies but the baseline; each has one word of the keys ``by``."""
    names = ("machine", "folio_layout", "strategy", *by)
    parts = list(folder.tables([*names, key, "change_pct"]))
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = list(zip(*(map(_word, table[name].tolist()) for name in names), strict=True))
    x, change = table[key].astype(np.float64), table["change_pct"]
    for row in dict.fromkeys(rows):
        machine, layout, strategy, *values = row
        mine = np.fromiter((one == row for one in rows), bool, len(rows))
        mine &= np.isfinite(x) & np.isfinite(change)
        if mine.any() and strategy != folder.document["scenario"]["baseline"]:
            yield Curve(
                machine, layout, strategy, x[mine], change[mine], tuple(map(_told, by, values))
            )


def _followed(curves: Sequence[Curve]) -> float:
    """Return how much the changes follow a number: the mean square of the rank correlation."""
    from scipy.stats import spearmanr

    found = [
        float(spearmanr(one.x, one.change_pct).statistic) ** 2
        for one in curves
        if np.ptp(one.x) > 0 and np.ptp(one.change_pct) > 0
    ]
    return float(np.mean(found)) if found else 0.0


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
    names = unique(curve.label for curve in curves)
    strokes = {name: stroke(number + 1) for number, name in enumerate(names)}
    columns = min(2, len(layouts))
    panels = [(m, layout) for m in machines for layout in layouts]
    rows = -(-len(panels) // columns)
    document = folder.document
    banded = others > 0 or any(len(c.x) > len(np.unique(c.x)) for c in curves)
    with look():
        lines = -(-len(names) // LEGEND_COLUMNS)
        figure = new_figure(
            PANEL_INCHES * rows + OUTSIDE_INCHES + lines * LEGEND_LINE_INCHES, notes
        )
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
        line = strokes[curve.label]
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
