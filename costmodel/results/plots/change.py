"""Change of run time per strategy: predicted bars with deviations, published points beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from costmodel.config.errors import ConfigError
from costmodel.results.document import ResultFile
from costmodel.results.plots.panels import Panel, axis_label, draw_legend, panels
from costmodel.results.plots.picture import Picture, look, write_title
from costmodel.results.plots.style import BLACK, BLUE, GREY, SMALL, VERMILION
from costmodel.results.records import PublishedPoint, ResultCell

if TYPE_CHECKING:
    from matplotlib.artist import Artist

CUT_PCT = 60.0
"""A change beyond this leaves the panel and is written as a number, so that the others stay
readable, where the largest one is beyond ``FAR_PCT``."""
FAR_PCT = 240.0
PREDICTED, PUBLISHED = -0.19, 0.23
"""The height within a row at which numbers are drawn; without a published number the prediction is
in the middle."""
ROOM = 0.6
"""How far a panel with a cut bar goes to the right, as a part of how far it goes to the left: the
number stands in the bar."""
BAR, MODEL_BAR, CUT_BAR = 0.2, 0.46, 0.38
"""Heights: both ends of the model's interval show beside the bar; a number fits into a cut one."""
PALE = "#B9D7EA"
LEAST_PCT = 5.0


def change_picture(results: ResultFile) -> Picture:
    """Draw the change of every strategy against the baseline, one panel per machine and layout.

    Raises ConfigError where there is nothing to draw: a baseline alone, without noise.
    """
    if not any(map(_says_something, results.cells)):
        reason = (
            f"has nothing to show of the baseline alone ({results.baseline}, without noise): kinds "
            "of one strategy are order, stack and, of several CPUs, cpus and shared"
        )
        raise ConfigError.of("--kind change", reason)
    published = {_line(entry) for entry in results.cells if _shown(entry)}
    with look():
        figure, made = panels(results, row_inches=0.2, extra_inches=0.4)
        for panel in made:
            low, high = _limits(results, panel.entries[0].layout)
            panel.axes.set_xlim(low, high)
            panel.axes.axvline(0, color=BLACK, linewidth=0.8)
            for row, entry in panel.rows():
                _draw(panel, row, entry, high, PREDICTED if _line(entry) in published else 0.0)
        axis_label(made, f"change against {results.baseline}, %")
        headline = f"{results.headline}: change of run time"
        any_published = any(cell.published for cell in results.cells)
        beside = ", and published" if any_published else ""
        origin = f"Predicted{results.builds_said}{beside}. {results.origin}"
        write_title(figure, headline, origin, results.picture_notes)
        draw_legend(figure, _key(results), columns=2)
    return Picture(figure, f"{headline} against {results.baseline}")


def _line(entry: ResultCell) -> tuple[str, str]:
    """Return machine and strategy: what stands on one line of the panels side by side."""
    return entry.machine, entry.strategy


def _limits(results: ResultFile, layout: str) -> tuple[float, float]:
    """Return one range for a layout on all machines, so that these can be compared."""
    entries = [entry for entry in results.cells if entry.layout == layout]
    shown = [value for entry in entries for value in _values(entry)]
    cut = max(shown, default=0.0) > FAR_PCT
    inside = [value for value in shown if value <= CUT_PCT or not cut]
    low = min([-LEAST_PCT, *inside]) * 1.1
    high = max([LEAST_PCT, *inside]) * 1.1
    # A number that leaves the panel is written inside: it needs room.
    return low, max(high, 30.0, -ROOM * low) if cut else high


def _values(entry: ResultCell) -> Iterator[float]:
    spread = entry.change_pct.stdev or 0.0
    yield from (entry.change_pct.mean - spread, entry.change_pct.mean + spread)
    yield from entry.model_interval_pct90 or ()
    for point in _shown(entry):
        spread = point.change_stdev or 0.0
        change = point.change or 0.0
        yield from (change - spread, change + spread)


def _shown(entry: ResultCell) -> list[PublishedPoint]:
    """Return the published changes; a baseline's own says something by its deviation only."""
    return [
        point
        for point in entry.measurements
        if point.change is not None
        and not (entry.is_baseline and point.change == 0 and _says_nothing(point))
    ]


def _says_something(entry: ResultCell) -> bool:
    """Tell whether a cell has a change, a deviation or a published change."""
    changes = not entry.is_baseline or entry.change_pct.stdev is not None
    return changes or bool(_shown(entry))


def _says_nothing(point: PublishedPoint) -> bool:
    """Tell a zero without deviation, or of another build: that is zero by definition."""
    return point.change_stdev is None or point.band


def _draw(panel: Panel, row: int, entry: ResultCell, high: float, offset: float) -> None:
    _draw_predicted(panel, row + offset, entry, high)
    points = _shown(entry)
    cut = [point for point in points if _beyond(point.change, high)]
    if cut:
        _draw_cut(panel, row + PUBLISHED, [point for point in cut if not point.band] or cut, high)
    builds = [point.change for point in points if point.band and point not in cut]
    known = [change for change in builds if change is not None]
    if known:
        _draw_builds(panel, row + PUBLISHED, min(known), max(known))
    for point in points:
        if not point.band and point not in cut:
            _draw_point(panel, row + PUBLISHED, point)


def _beyond(change: float | None, high: float) -> bool:
    return change is not None and change > high


def _draw_predicted(panel: Panel, at: float, entry: ResultCell, high: float) -> None:
    cut = _beyond(entry.change_pct.mean, high)
    width = high if cut else entry.change_pct.mean
    if entry.model_interval_pct90 and not entry.is_baseline:
        low, up = entry.model_interval_pct90
        panel.axes.barh(at, min(up, high) - low, MODEL_BAR, left=low, color=PALE, zorder=1.2)
    panel.axes.barh(
        at, width, CUT_BAR if cut else BAR, zorder=1.5, color=BLUE, edgecolor=BLACK, linewidth=0.4
    )
    if cut:
        panel.axes.plot([high], [at], ">", color=BLUE, markersize=6, clip_on=False, zorder=4)
        _write_cut(panel, at, high, f"{entry.change_pct.mean:+.0f} %", "white", BLUE)
    elif entry.change_pct.stdev is not None:
        panel.axes.errorbar(
            width, at, xerr=entry.change_pct.stdev, color=BLACK, linewidth=0.8, capsize=1.8
        )


def _draw_cut(panel: Panel, at: float, points: list[PublishedPoint], high: float) -> None:
    """Write published numbers that leave the panel."""
    text = ", ".join(f"{point.change:+.0f} %" for point in points)
    _write_cut(panel, at, high, text, VERMILION, "white")
    panel.axes.plot([high], [at], ">", color=VERMILION, markersize=4, clip_on=False, zorder=4)


def _write_cut(panel: Panel, at: float, high: float, text: str, colour: str, edge: str) -> None:
    """Write a number at the end of the panel, left of the arrow that says that it goes on.

    ``edge`` goes round the letters: a number may be longer than the bar that it stands in.
    """
    from matplotlib.patheffects import withStroke

    panel.axes.annotate(
        text, (high, at), xytext=(-5, 0), textcoords="offset points", color=colour,
        fontweight="bold", ha="right", va="center_baseline", fontsize=SMALL - 1,
        path_effects=[withStroke(linewidth=1.6, foreground=edge)],
    )  # fmt: skip


def _draw_builds(panel: Panel, at: float, low: float, high: float) -> None:
    panel.axes.plot([low, high], [at, at], color=GREY, linewidth=1.4, zorder=2)
    panel.axes.plot([low, high], [at, at], "|", color=GREY, markersize=5, zorder=2)


def _draw_point(panel: Panel, at: float, point: PublishedPoint) -> None:
    panel.axes.errorbar(
        [point.change or 0.0], [at], xerr=point.change_stdev, fmt="D", color=VERMILION,
        markersize=4, markeredgecolor=VERMILION, markeredgewidth=0.9, ecolor=VERMILION,
        markerfacecolor=VERMILION if point.fitted else "white",
        linewidth=0.8, capsize=1.8, zorder=5,
    )  # fmt: skip


def _key(results: ResultFile) -> Iterator[Artist]:
    """Yield what the legend explains: only what is in the picture."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    points = [point for entry in results.cells for point in _shown(entry)]
    deviation = "; thin line: stdev of run means" if results.provenance.noise else ""
    yield Patch(facecolor=BLUE, edgecolor=BLACK, linewidth=0.4, label=f"predicted{deviation}")
    if any(entry.model_interval_pct90 for entry in results.cells):
        yield Patch(facecolor=PALE, label="predicted, 90 % model interval")
    if any(not p.band and not p.fitted for p in points):
        yield _diamond("white", "published, not fitted")
    if any(p.fitted for p in points):
        yield _diamond(VERMILION, "published, used for fitting")
    if any(p.band for p in points):
        yield Line2D([], [], color=GREY, linewidth=1.4, marker="|", label="published, other builds")


def _diamond(inside: str, label: str) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], marker="D", linestyle="none", color=VERMILION, markersize=4,
        markerfacecolor=inside, label=label,
    )  # fmt: skip
