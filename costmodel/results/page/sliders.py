"""The part of a page that moves with sliders: what it shows at first, and all that it can show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from costmodel.config.sizes import size_text
from costmodel.quantity import quantity
from costmodel.results.document import ResultFile, column_title, unique
from costmodel.results.page.bars import Bar, Scale, bar_of
from costmodel.results.text.numbers import nanoseconds, percent
from costmodel.sweeps.what_if import Slider, WhatIf


@dataclass(frozen=True)
class Knob:
    """One slider: ``texts`` are the values at its positions, ``now`` is the one to begin with."""

    key: str
    texts: tuple[str, ...]
    now: int
    source: str


@dataclass(frozen=True)
class SliderRow:
    """A strategy whose numbers move; ``pair`` is its column in the data."""

    pair: int
    strategy: str
    is_baseline: bool
    is_marked: bool
    change: str
    ns: str
    bar: Bar


@dataclass(frozen=True)
class SliderTable:
    """The strategies of one folio layout."""

    title: str
    scale: Scale
    rows: tuple[SliderRow, ...]


@dataclass(frozen=True)
class SliderPanel:
    """The sliders of one machine and what they move; ``data`` is what the page's script reads."""

    knobs: tuple[Knob, ...]
    tables: tuple[SliderTable, ...]
    data: dict[str, Any]


def panel_of(grid: WhatIf, results: ResultFile) -> SliderPanel:
    """Return the panel of the machine that ``grid`` is about, which is one of the results."""
    marked = {cell.strategy for cell in results.cells if cell.remarks}
    layouts = unique(cell.workload.column for cell, _ in grid.pairs)
    tables = tuple(_table(grid, layout, results.baseline, marked) for layout in layouts)
    data = {
        "now": [slider.now for slider in grid.sliders],
        "sizes": [len(slider.values) for slider in grid.sliders],
        "ns": [[_number(x) for x in row] for row in grid.ns_per_pte.tolist()],
        "change": [[_number(x) for x in row] for row in grid.change_pct.tolist()],
    }
    return SliderPanel(tuple(map(_knob, grid.sliders)), tables, data)


def _table(grid: WhatIf, layout: str, baseline: str, marked: set[str]) -> SliderTable:
    mine = [at for at, (cell, _) in enumerate(grid.pairs) if cell.workload.column == layout]
    values = grid.change_pct[:, mine].ravel().tolist()
    scale = Scale.of(value for value in values if math.isfinite(value))
    return SliderTable(
        column_title(layout), scale, tuple(_row(grid, at, scale, baseline, marked) for at in mine)
    )


def _row(grid: WhatIf, at: int, scale: Scale, baseline: str, marked: set[str]) -> SliderRow:
    strategy = grid.pairs[at][0].strategy
    change, ns = float(grid.change_pct[grid.now, at]), float(grid.ns_per_pte[grid.now, at])
    return SliderRow(
        at,
        strategy,
        strategy == baseline,
        strategy in marked,
        percent(change),
        nanoseconds(ns),
        bar_of(change, scale),
    )


def _knob(slider: Slider) -> Knob:
    texts = tuple(_text(value, slider.key) for value in slider.values)
    return Knob(slider.key, texts, slider.now, slider.source)


def _text(value: object, key: str) -> str:
    if isinstance(value, bool | str):
        return str(value).lower()
    assert isinstance(value, int | float)
    return size_text(int(value)) if key.endswith("_bytes") else quantity(value, key)


def _number(value: float) -> float | None:
    """Return a number with enough digits for every table; None for one that is none."""
    return float(f"{value:.7g}") if math.isfinite(value) else None
