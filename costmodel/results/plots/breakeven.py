"""Draws where two strategies cost the same: over one number, or as a map over two.

A map shows where a strategy wins, where it loses, and the band between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from costmodel import __version__
from costmodel.arrays import Floats
from costmodel.explaining.axes import Pair
from costmodel.explaining.breakeven import BreakEven
from costmodel.explaining.breakeven_map import CERTAIN, BreakevenMap, value_between
from costmodel.results.plots.panels import OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import BLACK, BLUE, GREY, LIGHT, SKY, SMALL, set_scale
from costmodel.results.text.breakeven import question, sentence

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PANEL_INCHES, MAP_INCHES = 2.4, 3.4
WINS, UNCERTAIN, LOSES = "#CFE6F4", "#FFFFFF", "#FBE3B9"
"""Light blue, white (hatched) and light orange."""
LEVELS_PCT = (-80, -60, -40, -20, -10, -5, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Changes that have a thin line of their own."""
_MOST_LEVELS = 6
_ALONG = (0.5, 0.35, 0.65, 0.2, 0.8)
"""Where along its line the label of a level may stand, the best place first."""
_ROOM = 90.0
"""Pixels between labels, and between them and the present point."""
_INSIDE = 0.94
"""Part of the panel that labels are in."""


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


def map_picture(found: BreakevenMap, pair: Pair) -> Picture:
    """Draw the map: the line of equal cost, and the band in which the winner is uncertain."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    strategy, baseline = pair[0].strategy, pair[1].strategy
    with look():
        figure = new_figure(MAP_INCHES + OUTSIDE_INCHES)
        axes = figure.subplots()
        for axis, ticks, limits in (
            (found.x, axes.xaxis, axes.set_xlim),
            (found.y, axes.yaxis, axes.set_ylim),
        ):
            set_scale(ticks, axis)
            limits(*axis.bounds)
            ticks.set_label_text(axis.key)
        _areas(axes, found)
        levels = _levels(axes, found)
        lines = found.contour()
        for line in lines:
            axes.plot(*np.array(line).T, color=BLACK, linewidth=1.8)
        _present(axes, found)
        ranges = _own_ranges(axes, found)
        headline = f"{strategy} against {baseline} on {pair[0].machine.name}"
        asked = question(pair, found.x.key, found.y.key)
        write_title(figure, headline, f"{asked}. costmodel {__version__}")
        either = "either (90%), or the same" if found.same else "either (90%)"
        keys: list[Artist] = [
            Patch(facecolor=WINS, edgecolor=GREY, label=f"{strategy} wins"),
            Patch(facecolor=UNCERTAIN, edgecolor=GREY, hatch="///", label=either),
            Patch(facecolor=LOSES, edgecolor=GREY, label="it loses"),
        ]
        if lines:
            keys.append(Line2D([], [], color=BLACK, linewidth=1.8, label="the same cost"))
        if levels:
            label = "change of run time"
            keys.append(Line2D([], [], color=GREY, linewidth=0.7, label=label))
        if ranges:
            own = "possible, as the machine file says"
            keys.append(Line2D([], [], color=SKY, linewidth=0.8, linestyle="--", label=own))
        draw_legend(figure, keys, columns=3)
    return Picture(figure, headline)


def _areas(axes: Axes, found: BreakevenMap) -> None:
    """Fill where one of the two surely wins; hatch where either may."""
    if min(found.margin.shape) < 2:
        return
    x, y, margin = found.finer(found.margin)
    axes.contourf(x, y, margin, levels=[-CERTAIN - 1, -1, 1, CERTAIN + 1],
                  colors=[WINS, UNCERTAIN, LOSES])  # fmt: skip
    shown = axes.contourf(x, y, margin, levels=[-1, 1], colors="none", hatches=["///"])
    shown.set(edgecolor=LIGHT, linewidth=0.0)


def _levels(axes: Axes, found: BreakevenMap) -> bool:
    """Draw lines of equal change, with their percents; tell if there are any.

    Between whole numbers there is no change, so that maps over them have none.
    """
    from matplotlib.patheffects import withStroke

    changes = 100 * found.excess[np.isfinite(found.excess)]
    inside = [level for level in LEVELS_PCT if changes.min() < level < changes.max()]
    shown = inside[:: -(-len(inside) // _MOST_LEVELS)] if inside else []
    if not shown or min(found.excess.shape) < 2 or found.x.is_integer or found.y.is_integer:
        return False
    x, y, logs = found.finer(found.logs)
    at = [float(np.log1p(level / 100)) for level in shown]
    drawn = axes.contour(x, y, logs, levels=at, colors=GREY, linewidths=0.7, linestyles="-")
    texts = {level: f"{change:+d}%" for level, change in zip(at, shown, strict=True)}
    places = list(_free_places(axes, drawn.allsegs, _now(found)))
    labels = axes.clabel(drawn, fmt=texts, fontsize=SMALL - 1, inline_spacing=3, manual=places)
    for label in labels:
        label.set_path_effects([withStroke(linewidth=1.2, foreground="white")])
    return True


def _free_places(
    axes: Axes, lines: Sequence[Sequence[Floats]], now: tuple[float, float] | None
) -> Iterator[tuple[float, float]]:
    """Yield a place for the label of each level, apart from the present point and each other."""
    to_page = axes.transData.transform
    taken = [to_page(now)] if now else []
    for parts in lines:
        line = max(parts, key=len, default=np.empty((0, 2)))
        if len(line) < 2:
            continue
        page = to_page(line)
        inside = axes.bbox.shrunk(_INSIDE, _INSIDE)
        wanted = [round(share * (len(line) - 1)) for share in _ALONG]
        there = [at for at in wanted if inside.contains(*page[at])] or wanted
        room = [min((float(np.hypot(*(page[at] - one))) for one in taken), default=1e9)
                for at in there]  # fmt: skip
        best = next((i for i, free in enumerate(room) if free > _ROOM), int(np.argmax(room)))
        taken.append(page[there[best]])
        yield tuple(line[there[best]].tolist())


def _now(found: BreakevenMap) -> tuple[float, float] | None:
    """Return the present values, where they are on the map."""
    x, y = found.x.now, found.y.now
    if x is None or y is None:
        return None
    inside = all(
        axis.bounds[0] <= now <= axis.bounds[1] for axis, now in ((found.x, x), (found.y, y))
    )
    return (x, y) if inside else None


def _present(axes: Axes, found: BreakevenMap) -> None:
    from matplotlib.patheffects import withStroke

    now = _now(found)
    if now is None:
        return
    x, y = now
    axes.plot([x], [y], marker="D", markersize=5, color=BLUE, markeredgecolor=BLACK,
              markeredgewidth=0.6, clip_on=False, zorder=5)  # fmt: skip
    right = x > value_between(found.x.grid, 0.7 * (len(found.x.grid) - 1))
    high = y > value_between(found.y.grid, 0.9 * (len(found.y.grid) - 1))
    axes.annotate(
        "now", (x, y), xytext=(-5 if right else 5, -8 if high else 4), textcoords="offset points",
        ha="right" if right else "left", fontsize=SMALL, fontweight="bold",
        path_effects=[withStroke(linewidth=2.0, foreground="white")], zorder=5,
    )  # fmt: skip


def _own_ranges(axes: Axes, found: BreakevenMap) -> bool:
    """Mark what the machine file holds possible, where the map goes beyond it; tell if it does."""
    drawn = False
    for axis, draw in ((found.x, axes.axvline), (found.y, axes.axhline)):
        for end in axis.own or ():
            if axis.bounds[0] < end < axis.bounds[1]:
                draw(end, color=SKY, linewidth=0.8, linestyle="--")
                drawn = True
    return drawn
