"""Compile functions with numba where numba is there, else leave them as plain Python.

Machine code is kept on disk, so that an installation compiles once.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from costmodel.machine_code import keep

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_PREFIX = "numba-"
_SOURCES = (
    "cpu/*.py",
    "code/*.py",
    "explaining/*.py",
    "cpus/compiled/*.py",
    "cpus/invalidation.py",
    "mm/pte.py",
    "units.py",
    "jit.py",
    "machine_code.py",
)
_KEPT = 3
"""Directories with the machine code of other versions of the sources that are left alone."""

numba: Any = None


@contextmanager
def _absent(module: str) -> Iterator[None]:
    """Let a module look as if it were not installed, unless it is loaded already."""
    missing = module not in sys.modules
    if missing:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if missing:
            del sys.modules[module]


# Without numba the engine is slow, but gives the same ticks. Numba loads coverage where it is.
with suppress(ImportError), _absent("coverage"):
    numba = importlib.import_module("numba")


_COMPILING = (
    "costmodel: compiling the CPU model to machine code, once per installation:\n"
    "  about half a minute of CPU time ..."
)
"""24 s on a 3 GHz server core."""


def sources_digest() -> str:
    """Return a number of exactly these sources.

    Numba looks at the file of a function only, not at those of the functions that it calls and of
    the constants that it bakes in: without the digest an edit of another file would leave old code
    in use.
    """
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources())).hexdigest()[:16]


def sources() -> list[Path]:
    """Return the files of compiled functions, and of all that these may bake in."""
    return sorted(path for pattern in _SOURCES for path in _PACKAGE.glob(pattern))


def cache_directory() -> Path | None:
    """Return where machine code of these sources lies, made if need be; None: nowhere to write.

    Beside the package where that can be written, else in the user's cache.
    """
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "costmodel"
    given = os.environ.get("NUMBA_CACHE_DIR")
    for base in [Path(given)] if given else [_PACKAGE / "__pycache__", user]:
        directory = base / f"{_PREFIX}{sources_digest()}"
        if directory.is_dir() and os.access(directory, os.W_OK):
            return directory
        with suppress(OSError):
            directory.mkdir(parents=True)
            _tidy(base, directory)
            if not _is_off():
                print(_COMPILING, file=sys.stderr)
            return directory
    return None


def _is_off() -> bool:
    return numba is None or bool(numba.config.DISABLE_JIT)


def _tidy(base: Path, current: Path) -> None:
    """Remove machine code of sources that changed long ago."""
    others = [path for path in base.glob(f"{_PREFIX}*") if path != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _load_arrays() -> None:
    """Load what numba knows of arrays, without scipy.linalg.

    Numba looks for a BLAS, a twelfth of what a new number takes, and only compiled products of
    matrices need one. Whoever compiles those in this process still can: numba looks again.
    """
    with suppress(ImportError, AttributeError), _absent("scipy.linalg"):
        arrays: Any = importlib.import_module("numba.np.arraymath")
        arrays._HAVE_BLAS = find_spec("scipy") is not None


_directory = None if _is_off() else cache_directory()
if not _is_off():
    _load_arrays()


def _jit(function: F, **options: Any) -> F:
    if numba is None:
        return function
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_directory or before)  # numba reads it now, for this function
    try:
        result: F = numba.njit(function, error_model="numpy", **options)
        if _directory is not None:
            keep(result)
    finally:
        numba.config.CACHE_DIR = before
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
