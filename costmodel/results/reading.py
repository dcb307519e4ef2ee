"""Reads result files; every fault is one line with its place in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from costmodel.config.document import Document
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.schema import validated
from costmodel.config.yaml_text import bounded
from costmodel.results.document import SCHEMA, ResultFile
from costmodel.results.json_places import PlacedJson

LARGEST_FILE_BYTES = 256 << 20


def read_results(path: Path) -> ResultFile:
    """Return the results that ``costmodel run --json`` of this or an older version wrote.

    Raises ConfigError with one line per fault: for a file that cannot be read, that is no result
    file, or whose numbers contradict each other.
    """
    placed = read_json(path)
    found = placed.data.get("schema")
    if found != SCHEMA or isinstance(found, bool):
        reason = f"must be {SCHEMA}: no other schema is known here"
        raise ConfigError([placed.fault(("schema",), reason, describe(found))])
    if "kind" in placed.data:
        reason = "is no result file: costmodel run --json writes those"
        raise ConfigError([placed.fault(("kind",), reason, describe(placed.data["kind"]))])
    return validated(ResultFile, placed)


def read_json(path: Path) -> PlacedJson:
    """Return the object in a JSON file, with the places of its values.

    Raises ConfigError for a file that cannot be read or holds no JSON object.
    """
    text = _text(path)
    placed = PlacedJson(str(path), _parse(text, str(path)), text=text)
    if not isinstance(placed.data, dict):
        raise ConfigError([placed.fault((), "must be a JSON object", describe(placed.data))])
    return placed


def results_of(data: object, *, origin: str = "results") -> ResultFile:
    """Return plain data as results; raise ConfigError where they are none.

    ``origin`` is what messages call the place of the data.
    """
    if not isinstance(data, dict):
        raise ConfigError.of(origin, "must be a JSON object", got=describe(data))
    return validated(ResultFile, Document(origin, data))


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
