"""Reads JSON files; every fault is one line with its place in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.json_places import PlacedJson
from costmodel.config.yaml_text import bounded

LARGEST_FILE_BYTES = 256 << 20


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
