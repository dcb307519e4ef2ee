"""Plain-text tables in the shape of the thread: a label column, then pairs per folio order."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.units import WIDTH

COLUMN = 9
"""Characters between two bars."""
PAIR = 2 * COLUMN + 1
"""Characters of a text across two columns."""
LONGEST_LABEL = WIDTH - 4 - 4 * (COLUMN + 1)
"""A label that leaves room for two pairs of columns."""

MODEL = "  model, 90%"
"""The label of the line with the model's interval of the line above it."""

Pair = tuple[str, str] | str
"""Two columns, or one text of at most ``PAIR`` characters across both."""


@dataclass(frozen=True)
class Line:
    """A row of the table: its label and one pair per folio order. ``RULE`` draws a rule."""

    label: str
    pairs: tuple[Pair, ...]


RULE = Line("", ())


def columns_that_fit(label_width: int) -> int:
    """Return how many pairs of columns fit beside a label of ``label_width`` characters."""
    return max(1, (WIDTH - label_width - 4) // (2 * (COLUMN + 1)))


def render(lines: Sequence[Line], *, label_width: int) -> str:
    """Return the table as text, every line of the same width, at most 76 columns."""
    pairs = max((len(line.pairs) for line in lines), default=0)
    return "\n".join(
        _rule(label_width, pairs) if line is RULE else _line(line, label_width) for line in lines
    )


def shorten(label: str, width: int = LONGEST_LABEL) -> str:
    """Return ``label`` in at most ``width`` characters; a longer one loses its beginning."""
    return label if len(label) <= width else "..." + label[3 - width :]


def paragraph(text: str, *, hanging: str = "") -> str:
    """Wrap prose to the width of the table; lines after the first start with ``hanging``."""
    return textwrap.fill(
        text, WIDTH, subsequent_indent=hanging, break_on_hyphens=False, break_long_words=True
    )


def ascii_only(text: str) -> str:
    """Replace characters that a plain-ASCII mail cannot carry, and control characters, by ``?``.

    >>> ascii_only("caf\\u00e9 \\x1b[31m")
    'caf? ?[31m'
    """
    plain = text.encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in plain)


def _line(line: Line, label_width: int) -> str:
    cells = "".join(f"{_pair(pair)}|" for pair in line.pairs)
    return f"| {shorten(line.label, label_width):<{label_width}} |{cells}"


def _pair(pair: Pair) -> str:
    if isinstance(pair, str):
        return f"{pair:^{PAIR}}"
    left, right = pair
    return f"{_cell(left)}|{_cell(right)}"


def _cell(text: str) -> str:
    return f"{text:>{COLUMN - 1}} "


def _rule(label_width: int, pairs: int) -> str:
    return f"|{'-' * (label_width + 2)}|" + f"{'-' * COLUMN}|" * (2 * pairs)
