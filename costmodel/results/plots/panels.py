"""Small multiples: a panel per machine (rows) and folio layout (columns), with rows of bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costmodel.results.plots.picture import new_figure
from costmodel.results.plots.results import Entry, Results, layout_title
from costmodel.results.plots.style import BLACK, GREY, SMALL, TEXT, TITLE
from costmodel.results.text.layout import shorten

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTSIDE_INCHES = 1.0
"""Height that titles, the axis label and the legend of a figure take."""
LABEL = 34
"""Characters of a strategy's name that are shown; of a longer one (a path) the end."""
COLUMNS = 2
"""Panels side by side that 600 pixels can hold beside the names of strategies."""


class Panel(NamedTuple):
    """One panel with what it shows; row ``i`` of ``strategies`` is at height ``i``."""

    axes: Axes
    entries: tuple[Entry, ...]
    strategies: tuple[str, ...]

    def rows(self) -> Iterator[tuple[int, Entry]]:
        """Yield each entry with its height."""
        for entry in self.entries:
            yield self.strategies.index(entry.strategy), entry


def panels(
    results: Results, *, row_inches: float, extra_inches: float
) -> tuple[Figure, list[Panel]]:
    """Return a figure with one panel per machine and layout.

    Every strategy takes ``row_inches``; titles and axis of a panel take ``extra_inches``.
    """
    rows = [
        (machine, results.layouts[first : first + COLUMNS])
        for machine in results.machines
        for first in range(0, len(results.layouts), COLUMNS)
    ]
    names = [_strategies(results, machine, shown) for machine, shown in rows]
    heights = [len(name) * row_inches for name in names]
    height = sum(heights) + len(rows) * extra_inches + OUTSIDE_INCHES
    figure = new_figure(height)
    columns = min(COLUMNS, len(results.layouts))
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    made: list[Panel] = []
    for line, (machine, shown), strategies in zip(axes, rows, names, strict=True):
        for column, ax in enumerate(line):
            if column >= len(shown):
                ax.set_visible(False)
                continue
            panel = Panel(ax, results.panel(machine, shown[column]), strategies)
            _prepare(panel, _panel_title(machine, shown[column]), first=column == 0)
            made.append(panel)
    return figure, made


def _strategies(results: Results, machine: str, layouts: Sequence[str]) -> tuple[str, ...]:
    """Return the strategies of one line of panels, in the order of the results."""
    shown = {entry.strategy for layout in layouts for entry in results.panel(machine, layout)}
    return tuple(name for name in results.strategies if name in shown)


def _panel_title(machine: str, layout: str) -> str:
    """Return machine and layout, on two lines where one is too short."""
    text = f"{machine}, {layout_title(layout)}"
    return text if len(text) <= LABEL else f"{machine}\n{layout_title(layout)}"


def _prepare(panel: Panel, title: str, *, first: bool) -> None:
    ax = panel.axes
    ax.set_title(title, loc="left", fontweight="bold", fontsize=TEXT)
    ax.set_ylim(len(panel.strategies) - 0.5, -0.5)
    ax.set_yticks(range(len(panel.strategies)))
    baseline = {entry.strategy for entry in panel.entries if entry.is_baseline}
    labels = [
        f"{shorten(name, LABEL)} (baseline)" if name in baseline else shorten(name, LABEL)
        for name in panel.strategies
    ]
    ax.set_yticklabels(labels if first else [], fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def title(figure: Figure, headline: str, subtitle: str) -> None:
    """Write what is shown, and below it, smaller, how it was made."""
    height = figure.get_figheight()
    for text, below, size, weight, colour in (
        (headline, 0.04, TITLE, "bold", BLACK),
        (subtitle, 0.21, SMALL, "normal", GREY),
    ):
        figure.text(
            0.01, 1 - below / height, text, fontsize=size, fontweight=weight, color=colour, va="top"
        )


def axis_label(made: Iterable[Panel], text: str) -> None:
    """Label the horizontal axes of the lowest panels."""
    panels_ = list(made)
    lowest = max(_line(panel) for panel in panels_)
    for panel in panels_:
        if _line(panel) == lowest:
            panel.axes.set_xlabel(text)


def _line(panel: Panel) -> int:
    spec = panel.axes.get_subplotspec()
    return spec.rowspan.start if spec else 0


def legend(figure: Figure, handles: Iterable[Artist], *, columns: int) -> None:
    """Put one legend below all panels."""
    figure.legend(
        handles=list(handles),
        loc="outside lower left",
        ncols=columns,
        handlelength=2.2,
        columnspacing=1.2,
    )
