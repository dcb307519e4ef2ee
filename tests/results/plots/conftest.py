"""Result documents made by hand: what pictures are tested with."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from costmodel.results.plots.picture import look
from costmodel.results.plots.results import Results, results_of

PTES = 1 << 18
NAMES = ("v6.7", "folio-batch-prototype", "contpte-folio-batch-noyoungdirty", "contpte-per-pte")
NS = {0: (20.0, 20.2, 20.4, 21.0), 9: (19.0, 16.5, 16.2, 990.0)}
"""Per PTE by order; contpte-per-pte is a storm at order-9."""


def row(number: str, mean: float, **changes: Any) -> dict[str, Any]:
    """Return a published row of a cell."""
    common = {
        "id": number, "metric": "rel_pct", "mean": mean, "stdev": 0.8, "change_pct": mean,
        "role": "check", "repeats": None, "variant": "as published", "source": "a mail",
    }  # fmt: skip
    return common | changes


def cell(machine: str, order: int, strategy: str, ns: float, base_ns: float) -> dict[str, Any]:
    """Return a cell as `costmodel run --json` writes it."""
    published = {
        ("folio-batch-prototype", 9): [row("T11/6", -13.9, role="fit"), row("T10/6", -10.4)],
        ("folio-batch-prototype", 0): [
            row("T10/3", 4.3, role="band"),
            row("T14/1", 0.0055, metric="seconds", stdev=None, change_pct=2.5),
        ],
        ("contpte-per-pte", 9): [row("T07c/4", 3654.4, role="fit", stdev=0.0)],
    }
    return {
        "machine": machine, "operation": "fork", "memory_bytes": 1 << 30, "folio_order": order,
        "folio_orders": {str(order): 1.0}, "state": "writable", "cpus": 1, "strategy": strategy,
        "baseline": "v6.7", "runs": 8, "iterations": 100, "ptes": PTES, "ns_per_pte": ns,
        "change_pct": {"mean": 100 * (ns / base_ns - 1), "stdev": 1.1},
        "model_interval_pct90": [100 * (ns / base_ns - 1) - 6, 100 * (ns / base_ns - 1) + 7],
        "cpi_stack_ns_per_pte": {"tlbi": 0.6 * ns, "dram": 0.3 * ns, "width": 0.1 * ns},
        "published": published.get((strategy, order), []),
    }  # fmt: skip


def document(
    machines: Sequence[str] = ("ampere-altra", "apple-m2-vm"), orders: Sequence[int] = (0, 9)
) -> dict[str, Any]:
    """Return a result document of four strategies."""
    cells = [
        cell(machine, order, name, ns, NS[0 if order < 4 else 9][0])
        for machine in machines
        for order in orders
        for name, ns in zip(NAMES, NS[0 if order < 4 else 9], strict=True)
    ]
    return {
        "schema": 1,
        "provenance": {"version": "1.2.3", "seed": 1, "noise": True},
        "cells": cells,
    }


@pytest.fixture
def results() -> Callable[..., Results]:
    """The function that makes results: see ``document``."""
    return lambda *args, **kwargs: results_of(document(*args, **kwargs))


@pytest.fixture
def make_document() -> Callable[..., dict[str, Any]]:
    """The function that makes documents: see ``document``."""
    return document


def _boxes(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Yield every visible text with the pixels that it takes."""
    renderer: Any = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip():
            yield text, text.get_window_extent(renderer)


def _complain(figure: Figure) -> list[str]:
    """Return what is wrong with the texts of a figure: cut off, or on top of each other."""
    with look():
        figure.savefig(io.BytesIO(), format="png")  # lays the figure out
        boxes = [(text, box) for text, box in _boxes(figure) if _is_drawn(figure, text)]
    page = figure.bbox.padded(0.5)
    spare = 0.012 * figure.dpi  # a line's box has room above and below its letters
    faults = [f"{t.get_text()!r} leaves the page" for t, b in boxes if not _inside(page, b)]
    for i, (one, box) in enumerate(boxes):
        for other, its in boxes[i + 1 :]:
            if box.padded(-spare).overlaps(its.padded(-spare)):
                faults.append(f"{one.get_text()!r} is on {other.get_text()!r}")
    return faults


def _is_drawn(figure: Figure, text: Text) -> bool:
    """Tell whether a text is in the picture: ticks outside of the limits are not."""
    for ax in figure.axes:
        for axis, low_high in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if text in (tick.label1, tick.label2):
                    return ax.get_visible() and min(low_high) <= tick.get_loc() <= max(low_high)
    return True


def _inside(page: Bbox, box: Bbox) -> bool:
    return bool(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)


@pytest.fixture
def complaints() -> Callable[[Figure], list[str]]:
    """The function that looks at a figure: texts that are cut off or lie on each other."""
    return _complain
