"""Finds machine and scenario files: the shipped ones by name, those of the user by path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from costmodel.config.errors import ConfigError, describe, unknown
from costmodel.store import looked_for

Directory = Literal["machines", "scenarios"]

_PACKAGE = Path(__file__).resolve().parent.parent
_SUFFIXES = (".yaml", ".yml")


def directory(which: Directory) -> Path:
    """Return the directory of the shipped machine files or scenarios.

    It is in the installed package, or at the top of a clone.
    """
    installed = _PACKAGE / "data" / which
    return installed if installed.is_dir() else _PACKAGE.parent / which


def names(which: Directory) -> list[str]:
    """Return the names of the shipped files, sorted: file names without ``.yaml``."""
    return sorted(path.stem for path in directory(which).glob("*.yaml"))


def is_path(reference: str) -> bool:
    """Tell whether a text means a file (``./mine.yaml``) and not a name (``ampere-altra``).

    What exists as a file is a path, too.
    """
    if "/" in reference or reference.endswith(_SUFFIXES):
        return True
    looked_for(reference)
    return os.path.isfile(reference)


def find_file(
    which: Directory, reference: str, *, origin: str = "", base: Path | None = None
) -> Path:
    """Return the path of the file that a name or a path means.

    A relative path is taken from ``base``, by default the working directory. Raises ConfigError for
    a name that is not shipped; ``origin`` (such as ``--machine``) is what the message calls its
    place. Whether a path can be read is not checked here.
    """
    if is_path(reference):
        return (base or Path()) / reference
    if reference not in names(which):
        place = origin or which.removesuffix("s")
        raise ConfigError.of(place, unknown_name(which, reference), got=describe(reference))
    return directory(which) / f"{reference}.yaml"


def unknown_name(which: Directory, name: str) -> str:
    """Return why a name means no file, with the nearest name or a file of that name here.

    Without either, the reason says that a user's own file is given by its path.

    >>> unknown_name("machines", "ampere-altro")
    "unknown machine, did you mean 'ampere-altra'?"
    """
    here = next((file for end in _SUFFIXES if os.path.isfile(file := f"{name}{end}")), "")
    what = which.removesuffix("s")
    if here:
        return f"unknown {what}, did you mean './{here}'?"
    reason = unknown(what, name, names(which))
    if "did you mean" in reason:
        return reason
    return f"{reason}; a file of your own goes by its path, such as ./mine.yaml"
