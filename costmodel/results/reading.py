"""Reads result files; every fault is one line with its place in the file."""

from __future__ import annotations

from pathlib import Path

from costmodel.config.errors import ConfigError, describe
from costmodel.config.json_text import read_json
from costmodel.config.schema import validated
from costmodel.results.document import SCHEMA, ResultFile


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
