"""Changes as bars: where each mark of a row stands, in percent of the width of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from costmodel.results.plots.change import CUT_PCT
from costmodel.results.records import ResultCell

LEAST_PCT = 5.0
"""A scale reaches at least this many percent to both sides."""
_MARGIN = 0.06
_TICKS = 5
_EDGE = 0.03
"""A tick nearer to the edge than this part of the width has no room for its number."""


@dataclass(frozen=True)
class Scale:
    """From percent of run time to percent of the width: ``low`` is left, ``high`` is right."""

    low: float
    high: float

    @classmethod
    def of(cls, changes: Iterable[float]) -> Scale:
        """Return the scale that shows changes; those beyond a cut leave it on the right."""
        inside = [change for change in changes if change <= CUT_PCT]
        low, high = min([-LEAST_PCT, *inside]), max([LEAST_PCT, *inside])
        room = _MARGIN * (high - low)
        return cls(low - room, high + room)

    def at(self, change: float) -> float:
        """Return where a change stands, from 0 (left) to 100 (right), rounded to two decimals."""
        share = (change - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def is_beyond(self, change: float) -> bool:
        """Whether a change leaves the picture on the right."""
        return change > self.high

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where round numbers stand, and their text; zero is among them."""
        rough = (self.high - self.low) / _TICKS
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        found = ((self.at(n * step), f"{n * step:g}%") for n in range(first, last + 1))
        return [(at, text) for at, text in found if 100 * _EDGE <= at <= 100 * (1 - _EDGE)]


@dataclass(frozen=True)
class Bar:
    """The marks of one row, each as its place on a scale, 0 to 100. What is None is not drawn."""

    zero: float
    end: float
    is_beyond: bool
    band: tuple[float, float] | None = None
    stdev: tuple[float, float] | None = None
    published: tuple[float, ...] = ()
    other_builds: tuple[float, float] | None = None

    @property
    def left(self) -> float:
        """Where the bar begins."""
        return min(self.zero, self.end)

    @property
    def width(self) -> float:
        """How wide the bar is."""
        return round(abs(self.end - self.zero), 2)


def shown_changes(cell: ResultCell) -> list[float]:
    """Return all changes that the bar of a cell shows."""
    mean, spread = cell.change_pct.mean, cell.change_pct.stdev or 0.0
    published = [point.change for point in cell.measurements if point.change is not None]
    return [mean - spread, mean + spread, *(cell.model_interval_pct90 or ()), *published]


def bar_of(change: float, scale: Scale) -> Bar:
    """Return the bar of a change alone."""
    return Bar(scale.at(0.0), scale.at(change), scale.is_beyond(change))


def cell_bar(cell: ResultCell, scale: Scale) -> Bar:
    """Return the bar of a cell, with the model's interval, the deviation and published numbers."""
    mean, spread, model = cell.change_pct.mean, cell.change_pct.stdev, cell.model_interval_pct90
    points = [p for p in cell.measurements if p.change is not None and not cell.is_baseline]
    builds = [scale.at(p.change) for p in points if p.band and p.change is not None]
    return Bar(
        scale.at(0.0),
        scale.at(mean),
        scale.is_beyond(mean),
        band=(scale.at(model[0]), scale.at(model[1])) if model and not cell.is_baseline else None,
        stdev=(scale.at(mean - spread), scale.at(mean + spread)) if spread else None,
        published=tuple(scale.at(p.change) for p in points if not p.band and p.change is not None),
        other_builds=(min(builds), max(builds)) if builds else None,
    )
