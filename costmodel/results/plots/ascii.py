"""The change per strategy as a bar chart for a plain-text mail, at most 76 columns wide."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.results.document import ResultFile, column_title
from costmodel.results.records import PublishedPoint, ResultCell
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import percent
from costmodel.units import WIDTH

CUT_PCT = 60.0
"""A change beyond this runs off the chart: ``#>``."""
NUMBER = 9
LABEL = 32
BAR, PUBLISHED = "#", "o"


def ascii_chart(results: ResultFile) -> str:
    """Return a chart per machine, layout and number of CPUs; ``#`` predicted, ``o`` published."""
    parts = [paragraph(f"{results.case}: change of run time against {results.baseline}")]
    parts[0] += "\n" + paragraph(f"predicted{results.builds_said}, {results.origin}")
    for machine in results.machines:
        for column in results.columns:
            entries = results.panel(machine, column)
            if entries:
                parts.append("\n".join(_panel(machine, column, entries)))
    parts += [paragraph(note, hanging="  ") for note in results.notes]
    parts.append(f"{BAR} predicted   {PUBLISHED} published   > goes on beyond the chart")
    return ascii_only("\n\n".join(parts)) + "\n"


def _panel(machine: str, column: str, entries: tuple[ResultCell, ...]) -> Iterator[str]:
    label = min(LABEL, max(len(entry.marked) for entry in entries))
    scale = _Scale(entries, WIDTH - label - 2 - 2 * NUMBER)
    yield f"{machine}, {column_title(column)}"
    heading = f"{'predicted':>{NUMBER}}{'published':>{NUMBER + 1}}"
    yield f"{'':{label}} {scale.heading()}{heading}"
    for entry in entries:
        points = published(entry)
        told = percent(points[0].change_pct) if points else ""
        yield (
            f"{shorten(entry.marked, label):{label}} {scale.bar(entry, points)}"
            f"{percent(entry.change_pct.mean):>{NUMBER}}{told:>{NUMBER + 1}}"
        ).rstrip()


def published(entry: ResultCell) -> list[PublishedPoint]:
    """Return the published changes of an entry that are not of another build."""
    return [
        point
        for point in entry.measurements
        if point.change is not None and not point.band and not entry.is_baseline
    ]


class _Scale:
    """Percent to columns."""

    def __init__(self, entries: tuple[ResultCell, ...], columns: int) -> None:
        changes = [entry.change_pct.mean for entry in entries]
        changes += [point.change or 0.0 for e in entries for point in published(e)]
        inside = [change for change in changes if change <= CUT_PCT]
        self.low = min([-5.0, *inside])
        self.high = max([5.0, *inside])
        if len(inside) < len(changes):
            self.high = max(self.high, 20.0)
        self.columns = columns - 1  # the last one says that a bar goes on

    def column(self, change: float) -> int:
        """Return the column of a change, the last one for what goes beyond."""
        part = (min(change, self.high) - self.low) / (self.high - self.low)
        return round(part * (self.columns - 1))

    def bar(self, entry: ResultCell, points: list[PublishedPoint]) -> str:
        """Return the bar of a strategy and the published numbers on it."""
        cells = [" "] * (self.columns + 1)
        zero, end = self.column(0), self.column(entry.change_pct.mean)
        cells[min(zero, end) : max(zero, end) + 1] = BAR * (abs(end - zero) + 1)
        cells[zero] = "|"
        for change in (point.change or 0.0 for point in points):
            if change <= self.high:
                cells[self.column(change)] = PUBLISHED
        if entry.change_pct.mean > self.high:
            cells[self.columns] = ">"
        return "".join(cells)

    def heading(self) -> str:
        """Return the ends of the axis and its zero."""
        cells = [" "] * (self.columns + 1)
        low, high = f"{self.low:.0f}%", f"{self.high:.0f}%"
        cells[: len(low)] = low
        cells[self.columns - len(high) : self.columns] = high
        zero = self.column(0)
        if len(low) < zero < self.columns - len(high) - 1:
            cells[zero] = "0"
        return "".join(cells)
