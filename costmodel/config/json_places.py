"""Finds the line and column of a value in a JSON text, which only faults need."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from costmodel.config.document import Document, Location, key_text
from costmodel.config.errors import Fault

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
