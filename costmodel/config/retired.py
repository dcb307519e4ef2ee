"""Keys of machine files that no longer say anything: files that have them are still accepted."""

from __future__ import annotations

import copy
import warnings
from typing import Final

from costmodel.config.document import Document, Place
from costmodel.config.errors import Fault

RETIRED: Final = {
    "noise.build_layout_pct": "the range over recorded builds takes its place",
}
"""Dotted keys, with what takes their place."""


def without_retired(document: Document) -> Document:
    """Return a document without retired keys; each is a FutureWarning with its place."""
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
    """Say that a key of a file or an option is no longer read; ``place`` is where it stands."""
    line, col = (place.line, place.col) if place else (0, 0)
    said = Fault(file, line, col, key, f"is no longer read, {RETIRED[key]}")
    warnings.warn(str(said), FutureWarning, stacklevel=2)


def _has(document: Document, key: str) -> bool:
    group, _, name = key.partition(".")
    inside = document.data.get(group)
    return isinstance(inside, dict) and name in inside
