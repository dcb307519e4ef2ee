"""Colours, hatches, markers and sizes: one look for all pictures, also in black and white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from costmodel.explaining.axes import Axis

if TYPE_CHECKING:
    from matplotlib.axis import Axis as Ticks


Dashes = Literal["-", "--", "-.", ":"]

WIDTH_INCHES: Final = 6.0
"""At 100 dots per inch 600 pixels, where every text must still be readable."""
DPI: Final = 200

PAD_INCHES: Final = 0.03
"""Empty space around every part of a figure."""
HEADLINE_BELOW_INCHES: Final = 0.04
"""Empty space above the first line of a figure."""
TITLE_INCHES: Final = 0.36
"""Height of the two lines above a figure."""
SUBTITLE_INCHES: Final = 0.21
"""Where the second of these begins, from the top."""
HEADLINE_INCHES: Final = 0.17
"""Height of one more line of the first."""
HEADLINE_COLUMNS: Final = 76
"""How many bold characters of a first line fit into the width of a figure."""
NOTE_INCHES: Final = 0.13
"""Height of a small line below these two."""
NOTE_COLUMNS: Final = 110
"""How many characters of a small line fit into the width of a figure."""

BLACK, GREY, LIGHT = "#000000", "#767676", "#D9D9D9"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
"""Okabe and Ito's palette: distinct for every kind of colour blindness."""

SMALL: Final = 6.5
TEXT: Final = 7.5
TITLE: Final = 9.0

RC: Final[Mapping[str, Any]] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "costmodel",  # without it ids are random and equal pictures differ
    "svg.fonttype": "path",
    "axes.unicode_minus": True,
    "text.hinting": "no_hinting",  # hinted text has another width at every resolution
}


class Fill(NamedTuple):
    """How an area is filled: a colour, and a hatch that tells it from others in grey."""

    colour: str
    hatch: str = ""


class Stroke(NamedTuple):
    """How a line is drawn."""

    colour: str
    dashes: Dashes
    marker: str


_LINES: Final = (
    Stroke(BLACK, "-", "o"),
    Stroke(BLUE, "-", "s"),
    Stroke(VERMILION, "--", "^"),
    Stroke(GREEN, "-.", "D"),
    Stroke(ORANGE, "-", "v"),
    Stroke(SKY, "--", "P"),
    Stroke(PURPLE, "-.", "X"),
    Stroke(GREY, ":", "<"),
)


def stroke(number: int) -> Stroke:
    """Return the line of a strategy by its number, from 0.

    Where the colours begin again, the lines have other dashes and markers.
    """
    shift, place = divmod(number, len(_LINES))
    dashes: tuple[Dashes, ...] = ("-", "--", "-.", ":")
    line, other = _LINES[place], _LINES[(place + 3 * shift) % len(_LINES)]
    later = dashes[(dashes.index(line.dashes) + shift) % len(dashes)]
    return Stroke(line.colour, later, other.marker)


WIDE = 20.0
"""A range whose end is more than this many times its beginning has a logarithmic axis."""
_TICKS = 7


def set_scale(ticks: Ticks, axis: Axis) -> None:
    """Choose the scale of one side of a panel and write some of the values at it.

    Where a wide range begins at zero the logarithm begins at the first value above it.
    """
    low, high = axis.bounds
    least = low or axis.grid[min(1, len(axis.grid) - 1)]
    if len(axis.grid) > 2 and high > WIDE * least:
        options = {} if low > 0 else {"linthresh": least, "linscale": 0.4}
        scale = "log" if low > 0 else "symlog"
        panel = ticks.axes
        (panel.set_xscale if ticks is panel.xaxis else panel.set_yscale)(scale, **options)
    places = np.unique(np.linspace(0, len(axis.grid) - 1, _TICKS).round().astype(int))
    shown = list(axis.grid) if len(axis.grid) <= _TICKS + 2 else [axis.grid[at] for at in places]
    ticks.set_ticks(shown, [axis.short(value) for value in shown])
    ticks.set_ticks([], minor=True)
