"""Small multiples: a panel per machine (rows) and folio layout (columns), with rows of bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from costmodel.results.document import ResultFile, column_title
from costmodel.results.plots.picture import new_figure
from costmodel.results.plots.style import SMALL, TEXT
from costmodel.results.records import ResultCell
from costmodel.results.text.layout import shorten

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTSIDE_INCHES = 1.0
"""Height that titles, the axis label and the legend of a figure take."""
LINE_INCHES = 0.12
"""Height of one more line of a panel's title."""
LABEL = 34
"""How many characters of a strategy's name are shown; of a longer name, such as a path, the last
ones."""
COLUMNS = 2
"""How many panels fit side by side into 600 pixels, beside the names of strategies."""
NARROW_COLUMNS, NARROW_TITLE = 3, 18
"""So many panels fit where the titles of three layouts have no more characters than this."""


class Panel(NamedTuple):
    """One panel with what it shows; row ``i`` of ``strategies`` is at height ``i``."""

    axes: Axes
    entries: tuple[ResultCell, ...]
    strategies: tuple[str, ...]

    def rows(self) -> Iterator[tuple[int, ResultCell]]:
        """Yield each entry with its height."""
        for entry in self.entries:
            yield self.strategies.index(entry.strategy), entry


def panels(
    results: ResultFile, *, row_inches: float, extra_inches: float
) -> tuple[Figure, list[Panel]]:
    """Return a figure with one panel per machine and layout.

    Every strategy takes ``row_inches``; titles and axis of a panel take ``extra_inches``.
    """
    columns = _columns(results)
    rows = [
        (machine, results.columns[first : first + columns])
        for machine in results.machines
        for first in range(0, len(results.columns), columns)
    ]
    names = [_strategies(results, machine, shown) for machine, shown in rows]
    titles = [_panel_titles(results, machine, shown, columns) for machine, shown in rows]
    heights = [
        len(name) * row_inches + LINE_INCHES * lines[0].count("\n")
        for name, lines in zip(names, titles, strict=True)
    ]
    height = sum(heights) + len(rows) * extra_inches + OUTSIDE_INCHES
    figure = new_figure(height)
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    made: list[Panel] = []
    for line, (machine, shown) in enumerate(rows):
        for column, layout in enumerate(shown):
            # The last layout of a machine takes the room of those that would stand beside it.
            span = slice(column, column + 1 if column + 1 < len(shown) else columns)
            ax = figure.add_subplot(grid[line, span])
            panel = Panel(ax, results.panel(machine, layout), names[line])
            _prepare(panel, titles[line][column], first=column == 0)
            made.append(panel)
    return figure, made


def _columns(results: ResultFile) -> int:
    """Return how many panels stand side by side: as many as leave no field empty."""
    narrow = all(len(column_title(column)) <= NARROW_TITLE for column in results.columns)
    if narrow and len(results.columns) % NARROW_COLUMNS == 0:
        return NARROW_COLUMNS
    return min(COLUMNS, len(results.columns))


def _strategies(results: ResultFile, machine: str, layouts: Sequence[str]) -> tuple[str, ...]:
    """Return the strategies of one line of panels, in the order of the results."""
    shown = {entry.strategy for layout in layouts for entry in results.panel(machine, layout)}
    return tuple(name for name in results.strategies if name in shown)


def _panel_titles(
    results: ResultFile, machine: str, layouts: Sequence[str], columns: int
) -> list[str]:
    """Return machine and layout for each panel of a row, all on as many lines.

    Where three panels stand side by side the first alone names the machine.
    """
    name, texts = results.machine_title(machine), [column_title(layout) for layout in layouts]
    if columns == NARROW_COLUMNS:
        wrapped = wrap(name, NARROW_TITLE)
        empty = "\n" * len(wrapped)
        return ["\n".join([*wrapped, texts[0]]), *(empty + text for text in texts[1:])]
    if all(len(f"{name}, {text}") <= LABEL for text in texts):
        return [f"{name}, {text}" for text in texts]
    return ["\n".join([*wrap(name, LABEL), text]) for text in texts]


def _prepare(panel: Panel, title: str, *, first: bool) -> None:
    ax = panel.axes
    ax.set_title(title, loc="left", fontweight="bold", fontsize=TEXT)
    ax.set_ylim(len(panel.strategies) - 0.5, -0.5)
    ax.set_yticks(range(len(panel.strategies)))
    marks = {entry.strategy: _mark(entry) for entry in panel.entries}
    labels = [f"{shorten(name, LABEL)}{marks.get(name, '')}" for name in panel.strategies]
    ax.set_yticklabels(labels if first else [], fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _mark(entry: ResultCell) -> str:
    star = entry.marked.removeprefix(entry.strategy)
    return f"{star} (baseline)" if entry.is_baseline else star


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


def draw_legend(figure: Figure, handles: Iterable[Artist], *, columns: int) -> None:
    """Put one legend below all panels."""
    figure.legend(
        handles=list(handles),
        loc="outside lower left",
        ncols=columns,
        handlelength=2.2,
        columnspacing=1.2,
    )
