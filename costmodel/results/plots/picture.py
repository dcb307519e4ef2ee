"""Finished pictures, as SVG and PNG files: equal input gives equal bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from costmodel import __version__
from costmodel.config.errors import ConfigError, describe
from costmodel.files import write_bytes
from costmodel.results.plots.style import (
    BLACK,
    DPI,
    GREY,
    HEADLINE_BELOW_INCHES,
    HEADLINE_COLUMNS,
    HEADLINE_INCHES,
    NOTE_COLUMNS,
    NOTE_INCHES,
    PAD_INCHES,
    RC,
    SMALL,
    SUBTITLE_INCHES,
    TITLE,
    TITLE_INCHES,
    WIDTH_INCHES,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")


@contextmanager
def look() -> Iterator[None]:
    """Use this package's style inside the block, whatever the user's matplotlibrc says."""
    from matplotlib import rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        style: Any = dict(RC)  # the keys' type is a literal that each release extends
        with rc_context(style):
            yield


def new_figure(height_inches: float) -> Figure:
    """Return an empty figure with room for a title of two lines at its top.

    Its parts will make room for each other.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = ConstrainedLayoutEngine(h_pad=PAD_INCHES, w_pad=0.04, hspace=0.02, wspace=0.02)
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DPI, layout=engine)
    _leave_above(figure, TITLE_INCHES)
    return figure


def _leave_above(figure: Figure, inches: float) -> None:
    """Keep the parts of a figure out of its uppermost ``inches``."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(engine := figure.get_layout_engine(), ConstrainedLayoutEngine):
        engine.set(rect=(0, 0, 1, 1 - inches / figure.get_figheight()))


def _lines(text: str, columns: int) -> list[str]:
    """Return a text as lines; names with hyphens stay whole."""
    return wrap(text, columns, break_on_hyphens=False)


def write_title(figure: Figure, headline: str, subtitle: str, notes: Sequence[str] = ()) -> None:
    """Write what is shown, and below it, smaller, how it was made, and what a star stands for.

    What needs more than a line makes the figure higher.
    """
    head = _lines(headline, HEADLINE_COLUMNS)
    origin = _lines(subtitle, NOTE_COLUMNS)
    said = [line for note in notes for line in _lines(note, NOTE_COLUMNS)]
    origin_below = SUBTITLE_INCHES + HEADLINE_INCHES * (len(head) - 1)
    notes_below = origin_below + TITLE_INCHES - SUBTITLE_INCHES + NOTE_INCHES * (len(origin) - 1)
    above = notes_below + NOTE_INCHES * len(said)
    height = figure.get_figheight() + above - TITLE_INCHES
    figure.set_figheight(height)
    _leave_above(figure, above)
    for lines, below, size, weight, colour in (
        (head, HEADLINE_BELOW_INCHES, TITLE, "bold", BLACK),
        (origin, origin_below, SMALL, "normal", GREY),
        (said, notes_below, SMALL, "normal", BLACK),
    ):
        figure.text(
            0.01, 1 - below / height, "\n".join(lines), fontsize=size, fontweight=weight,
            color=colour, va="top",
        )  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A figure that can be saved as SVG or PNG; notebooks show it."""

    figure: Figure
    """The matplotlib figure."""
    description: str
    """What the picture shows, for readers who cannot see it."""

    def __post_init__(self) -> None:
        """Lay the figure out once; a second time, for another format, would move its parts."""
        with look():
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine(None)  # "none" would draw twice when it is saved

    def svg(self) -> bytes:
        """Return the bytes of the picture as SVG, without a date in it."""
        data = io.BytesIO()
        with look():
            metadata = {"Date": None, "Creator": f"costmodel {__version__}"}
            metadata |= {"Title": self.description}
            self.figure.savefig(data, format="svg", metadata=metadata)
        return data.getvalue()

    def png(self, *, dpi: int = DPI) -> bytes:
        """Return the bytes of the picture as PNG with ``dpi`` pixels per inch."""
        data = io.BytesIO()
        with look():
            metadata = {"Software": f"costmodel {__version__}", "Title": self.description}
            self.figure.savefig(data, format="png", dpi=dpi, metadata=metadata)
        return data.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the picture into an ``.svg`` or ``.png`` file.

        Raises ConfigError for another suffix, and OSError where the file cannot be written.
        """
        path = Path(path)
        check_suffix(path)
        write_bytes(path, self.svg() if path.suffix == ".svg" else self.png())

    def _repr_png_(self) -> bytes:
        """Show the picture in a notebook."""
        return self.png(dpi=120)


def check_suffix(path: str | Path | None) -> None:
    """Raise ConfigError for a file, if there is one, that ends in neither ``.svg`` nor ``.png``."""
    if path is not None and Path(path).suffix not in SUFFIXES:
        raise ConfigError.of("-o", "must end in .svg or .png", got=describe(str(path)))
