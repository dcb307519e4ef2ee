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
    DPI,
    NOTE_COLUMNS,
    NOTE_INCHES,
    PAD_INCHES,
    RC,
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


def new_figure(height_inches: float, notes: Sequence[str] = ()) -> Figure:
    """Return an empty figure with room for a title and ``notes`` at its top.

    ``height_inches`` is its height without notes. Its parts will make room for each other.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    above = TITLE_INCHES + len(note_lines(notes)) * NOTE_INCHES
    height_inches += above - TITLE_INCHES
    engine = ConstrainedLayoutEngine(
        h_pad=PAD_INCHES, w_pad=0.04, hspace=0.02, wspace=0.02,
        rect=(0, 0, 1, 1 - above / height_inches),
    )  # fmt: skip
    return Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DPI, layout=engine)


def note_lines(notes: Sequence[str]) -> list[str]:
    """Return notes as lines that fit into the width of a figure."""
    return [line for note in notes for line in wrap(note, NOTE_COLUMNS)]


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
