"""Reads JSON files; every fault is one line with its place in the file."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from costmodel.config.document import Document, Location, key_text
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.yaml_text import bounded

LARGEST_FILE_BYTES = 256 << 20
_BLANK = re.compile(r"[ \t\n\r]*")


@dataclass
class PlacedJson(Document):
    """JSON data whose faults have the line and column of its text."""

    text: str = ""

    def fault(self, at: Location, reason: str, got: str, *, at_key: bool = False) -> Fault:
        """Return a fault at a location, or at the innermost one around it that the text has."""
        offset = _offset(self.text, at)
        line = bisect_right(self._lines, offset)
        col = offset - self._lines[line - 1] + 1
        return Fault(self.file, line, col, key_text(at), reason, got)

    @cached_property
    def _lines(self) -> list[int]:
        """The offsets at which lines begin."""
        return [0, *(found.end() for found in re.finditer("\n", self.text))]


def _offset(text: str, at: Location) -> int:
    """Return the offset of a location in valid JSON, or of the innermost one around it."""
    decoder = json.JSONDecoder()
    here = _skip(text, 0)
    for part in at:
        inner = _member(text, here, part, decoder)
        if inner is None:
            break
        here = inner
    return here


def _member(text: str, here: int, wanted: str | int, decoder: json.JSONDecoder) -> int | None:
    """Return the offset of an item of a list, or of a key's value; None where there is none."""
    opening, index = text[here], 0
    if opening not in "[{":
        return None
    here = _skip(text, here + 1)
    while text[here] not in "]}":
        name: str | int = index
        if opening == "{":
            name, here = decoder.raw_decode(text, here)
            here = _skip(text, _skip(text, here) + 1)  # the colon
        # Keys of the model may be numbers (a folio order), those of JSON are text.
        if str(name) == str(wanted):
            return here
        _, here = decoder.raw_decode(text, here)
        here = _skip(text, here)
        if text[here] == ",":
            here = _skip(text, here + 1)
        index += 1
    return None


def _skip(text: str, here: int) -> int:
    found = _BLANK.match(text, here)
    return found.end() if found else here


def read_json(path: Path) -> PlacedJson:
    """Return the object in a JSON file, with the places of its values.

    Raises ConfigError for a file that cannot be read or holds no JSON object.
    """
    text = _text(path)
    placed = PlacedJson(str(path), _parse(text, str(path)), text=text)
    if not isinstance(placed.data, dict):
        raise ConfigError([placed.fault((), "must be a JSON object", describe(placed.data))])
    return placed


def _text(path: Path) -> str:
    try:
        return bounded(path, LARGEST_FILE_BYTES, pipes=True).decode()
    except ValueError as error:
        raise ConfigError.of(str(path), f"is no JSON: {error}") from None


def _parse(text: str, file: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        fault = Fault(file, error.lineno, error.colno, reason=f"is no JSON: {error.msg}")
        raise ConfigError([fault]) from None
    except RecursionError:
        raise ConfigError.of(file, "is nested too deeply") from None
    except ValueError as error:  # NaN, a key that stands twice, an integer of thousands of digits
        raise ConfigError.of(file, f"is no JSON: {error}") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found
