"""Result files made by hand, and what is wrong with the texts of a picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from costmodel.results.document import ResultFile
from costmodel.results.plots.picture import look
from tests.results.made import four_strategies, results_of


@pytest.fixture
def results() -> Callable[..., ResultFile]:
    """The function that makes results: see ``four_strategies``."""
    return lambda *args, **kwargs: results_of(four_strategies(*args, **kwargs))


@pytest.fixture
def make_document() -> Callable[..., dict[str, Any]]:
    """The function that makes plain data: see ``four_strategies``."""
    return four_strategies


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
