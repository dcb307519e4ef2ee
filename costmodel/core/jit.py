"""Compile functions with numba where numba is there, else leave them as plain Python."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

numba: Any = None
with suppress(ImportError):  # without it the engine is slow, but gives the same ticks
    numba = importlib.import_module("numba")


def _cache_directory() -> Path:
    """Return where machine code of exactly these sources lies.

    Numba looks at the file of a function only, not at those of the functions that it calls: without
    the digest an edit of one file of this package would leave old code in use.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    given = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(__file__).parent / "__pycache__"
    if given:
        base = Path(given)
    elif os.access(beside if beside.exists() else beside.parent, os.W_OK):
        base = beside
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "costmodel"
    return base / f"numba-{digest[:16]}"


if numba is not None:
    numba.config.CACHE_DIR = str(_cache_directory())


def _jit(function: F, **options: Any) -> F:
    if numba is None:
        return function
    result: F = numba.njit(function, cache=True, error_model="numpy", **options)
    return result


def compiled(function: F) -> F:
    """Return ``function`` compiled on its first call, with the machine code kept on disk."""
    return _jit(function)


def hot(function: F) -> F:
    """Return ``function`` compiled; it must not allocate.

    Without that promise every call counts references of every array it is given, atomically, which
    makes the window loop 20 times slower.
    """
    return _jit(function, _nrt=False)


def inlined(function: F) -> F:
    """Return ``function`` compiled into its callers; it must not allocate."""
    return _jit(function, _nrt=False, forceinline=True)
