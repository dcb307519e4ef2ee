"""The state of all files that numbers are computed with, which is found without reading any."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import cache
from importlib.util import find_spec

TYPE_CHECKING = False  # typing's own costs as much time as looking an answer up
if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "simpy", "pydantic", "pydantic_core", "yaml")
PACKAGE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = tuple(os.path.join(os.path.dirname(PACKAGE), name) for name in ("machines", "scenarios"))
"""Where the shipped data files lie in a clone; an installed package contains them itself."""


def program_state() -> str:
    """Return a hash of the state of all files of the program and of its packages' versions.

    It changes whenever one of them is written or replaced. It says nothing to another computer.
    """
    state: list[object] = [sys.version]
    for name in _PACKAGES:
        spec = find_spec(name)
        state.append([name, file_state(os.stat(spec.origin)) if spec and spec.origin else None])
    for top in (PACKAGE, *SHIPPED):
        state += sorted(_states(top))
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


state_at_start = cache(program_state)
"""Returns the state when a process first asked."""


def _states(top: str) -> Iterator[list[object]]:
    """Yield the path and state of every file below a directory but for compiled code."""
    if not os.path.isdir(top):
        return
    with os.scandir(top) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield [entry.path, *file_state(entry.stat())]
            elif entry.name != "__pycache__":
                yield from _states(entry.path)


def file_state(state: os.stat_result) -> list[int]:
    """Return what changes when a file is written or replaced."""
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
