"""A finished picture: equal input gives equal bytes, in SVG and in PNG."""

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
    """Draw with this package's style, whatever the user's matplotlibrc says."""
    from matplotlib import rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        style: Any = dict(RC)  # the keys' type is a literal that each release extends
        with rc_context(style):
            yield


def new_figure(height_inches: float, notes: Sequence[str] = ()) -> Figure:
    """Return an empty figure whose parts make room for each other, below title and ``notes``.

    Notes make it higher than ``height_inches``.
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
    """Return notes in lines as wide as a figure."""
    return [line for note in notes for line in wrap(note, NOTE_COLUMNS)]


@dataclass(frozen=True)
class Picture:
    """A figure that can be saved, or shown by a notebook."""

    figure: Figure
    description: str
    """What the picture shows, for readers who cannot see it."""

    def __post_init__(self) -> None:
        """Lay the figure out, once: again, for another format, parts would move a little."""
        with look():
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine(None)  # "none" would draw twice when it is saved

    def svg(self) -> bytes:
        """Return the picture as SVG, without date."""
        data = io.BytesIO()
        with look():
            metadata = {"Date": None, "Creator": f"costmodel {__version__}"}
            metadata |= {"Title": self.description}
            self.figure.savefig(data, format="svg", metadata=metadata)
        return data.getvalue()

    def png(self, *, dpi: int = DPI) -> bytes:
        """Return the picture as PNG."""
        data = io.BytesIO()
        with look():
            metadata = {"Software": f"costmodel {__version__}", "Title": self.description}
            self.figure.savefig(data, format="png", dpi=dpi, metadata=metadata)
        return data.getvalue()

    def save(self, path: Path | str) -> None:
        """Write an .svg or .png file; ConfigError for another suffix, OSError if it cannot."""
        path = Path(path)
        check_suffix(path)
        write_bytes(path, self.svg() if path.suffix == ".svg" else self.png())

    def _repr_png_(self) -> bytes:
        """Show the picture in a notebook."""
        return self.png(dpi=120)


def check_suffix(path: Path, *, origin: str = "-o") -> None:
    """Raise ConfigError for a file name that is neither SVG nor PNG."""
    if path.suffix not in SUFFIXES:
        raise ConfigError.of(origin, "must end in .svg or .png", got=describe(str(path)))
