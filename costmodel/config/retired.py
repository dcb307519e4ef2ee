"""Keys of machine files that are no longer read; files that have them are still accepted."""

from __future__ import annotations

import copy
import warnings
from typing import Final

from costmodel.config.document import Document, Place
from costmodel.config.errors import Fault

RETIRED: Final = {
    "noise.build_layout_pct": "the range over recorded builds takes its place",
}
"""Dotted keys, each with a sentence on what replaces it."""


def without_retired(document: Document) -> Document:
    """Return a document without retired keys, and warn of each with its place (FutureWarning)."""
    found = [key for key in RETIRED if _has(document, key)]
    if not found:
        return document
    data = copy.deepcopy(document.data)
    for key in found:
        group, _, name = key.partition(".")
        place = document.keys.get((group, name))
        del data[group][name]
        warn_retired(key, document.file, place)
    return Document(document.file, data, document.keys, document.values, document.faults)


def warn_retired(key: str, file: str, place: Place | None = None) -> None:
    """Warn (FutureWarning) that a key is no longer read.

    ``file`` is a path or the name of an option, ``place`` the line and column of the key.
    """
    line, col = (place.line, place.col) if place else (0, 0)
    said = Fault(file, line, col, key, f"is no longer read, {RETIRED[key]}")
    warnings.warn(str(said), FutureWarning, stacklevel=2)


def _has(document: Document, key: str) -> bool:
    group, _, name = key.partition(".")
    inside = document.data.get(group)
    return isinstance(inside, dict) and name in inside
