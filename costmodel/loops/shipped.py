"""Finds files of loops: those of the package by name, those of the user by path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from costmodel.config.errors import ConfigError, describe, unknown
from costmodel.config.resources import is_path


def loops_path(reference: str, *, origin: str = "FILE") -> Path:
    """Return the path of the file that a name or a path means.

    Raises ConfigError for an unknown name; ``origin`` is what messages call its place.
    """
    if is_path(reference):
        return Path(reference)
    data = Path(str(files("costmodel.loops"))) / "data"
    known = sorted(path.stem for path in data.glob("*.yaml"))
    if reference not in known:
        raise ConfigError.of(origin, unknown("file", reference, known), got=describe(reference))
    return data / f"{reference}.yaml"
