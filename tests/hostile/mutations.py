"""Ways to damage a file: its text, or the data in it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

LONG = int(os.environ.get("HOSTILE", "0"))
"""How many examples `make hostile` asks for; 0 in the usual tests."""

JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 10**400, 0.5, -0.0, 1e308, 5e-324, "", "x", "9", "1 GiB",
    "two\nlines", "\x1b[31m", "\u202e", "\ud7ff", "a" * 5000, [], {}, [[]], {"": None}, [1, "a"],
    {"mean": 1.0}, "v6.7", "file.py:f", "1e3", "nan", "0x10", "50%",
)  # fmt: skip
"""Values that some reader would trip over."""

TOKENS = (
    ":", "-", "- ", "{", "}", "[", "]", ",", "#", "&a", "*a", "!!", "|", ">", "'", '"', "\t", "\0",
    "\r", "%", "? ", "---\n", "...\n", "<<: *a", "NaN", "Infinity", "1e999", "01", "0:1", "~",
    "yes", "\ufeff", "\u2028", "\u202e", "\x1b", "é", "\U0001d7d9", "9" * 400, "[" * 60,
    "{a: " * 60,
)  # fmt: skip
"""Pieces of text that mean something to a parser."""


@st.composite
def damaged_text(draw: st.DrawFn, text: str) -> str:
    """Return a text with one to three pieces deleted, doubled, exchanged or put in."""
    for _ in range(draw(st.integers(1, 3))):
        text = draw(_damaged_once(text))
    return text


@st.composite
def _damaged_once(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    kind = draw(st.sampled_from(("cut", "insert", "replace", "delete", "double", "swap", "indent")))
    at = draw(st.integers(0, len(text)))
    if kind == "cut":
        return text[:at]
    if kind == "insert":
        return text[:at] + draw(st.sampled_from(TOKENS)) + text[at:]
    if kind == "replace":
        end = at + draw(st.integers(1, 12))
        return text[:at] + draw(st.sampled_from(TOKENS)) + text[end:]
    if not lines:
        return draw(st.sampled_from(TOKENS))
    row, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    if kind == "delete":
        del lines[row]
    elif kind == "double":
        lines.insert(other, lines[row])
    elif kind == "swap":
        lines[row], lines[other] = lines[other], lines[row]
    else:
        lines[row] = draw(st.sampled_from(("  ", "\t", "    - "))) + lines[row].lstrip()
    return "".join(lines)


@st.composite
def damaged_data(draw: st.DrawFn, data: Any) -> Any:
    """Return plain data with one to three values deleted, doubled, moved or replaced by junk."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(data))
        if not places:
            break
        _damage(draw, data, places)
    return data


def _damage(draw: st.DrawFn, data: Any, places: list[tuple[Any, Any]]) -> None:
    holder, key = draw(st.sampled_from(places))
    other, other_key = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(("junk", "delete", "copy", "scale", "rename")))
    if kind == "delete":
        del holder[key]
    elif kind == "copy":
        holder[key] = copy.deepcopy(other[other_key])
    elif kind == "scale" and isinstance(holder[key], int | float):
        holder[key] = holder[key] * draw(st.sampled_from((-1, 0, 0.5, 1.0000001, 10, 1e300)))
    elif kind == "rename" and isinstance(holder, dict):
        holder[draw(st.sampled_from(("", "x", "9", "machine", "\x00")))] = holder.pop(key)
    else:
        # A copy: what is damaged next may be inside it, and later examples want it as it was.
        holder[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every value of nested data as what holds it and its key or index."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(items):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


def examples(usual: int) -> int:
    """Return how many examples a test tries: so many, or what `make hostile` asks for."""
    return max(usual, LONG)
