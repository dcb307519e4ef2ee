"""Collects where a result comes from: everything needed to compute it again."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from costmodel import __version__

PACKAGES = ("numpy", "scipy", "simpy", "pydantic", "numba")
"""Packages whose version could change a number."""


def provenance(
    *,
    command: Sequence[str],
    scenario: Mapping[str, Any],
    seed: int,
    machine_files: Mapping[str, Path],
    overrides: Iterable[str],
    noise: bool,
    engine: str,
) -> dict[str, Any]:
    """Return the provenance of a result file as plain data (docs/result-json.md lists the keys).

    ``machine_files`` maps the name of each machine to the file that it was read from. Two equal
    runs differ only in ``created``, which the environment variable SOURCE_DATE_EPOCH fixes.
    """
    return {
        "version": __version__,
        "created": _now(),
        "command": list(command),
        "scenario": dict(scenario),
        "seed": seed,
        "noise": noise,
        "engine": engine,
        "machine_sha256": {name: sha256(path) for name, path in machine_files.items()},
        "overrides": list(overrides),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    utc = datetime.UTC
    moment = (
        datetime.datetime.fromtimestamp(int(epoch), utc)
        if epoch.isdigit()
        else datetime.datetime.now(utc)
    )
    return moment.isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
