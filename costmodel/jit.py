"""Compiles functions with numba where it is installed; otherwise they stay plain Python.

Machine code is kept on disk, so an installation compiles only once.
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
"""How many directories with the machine code of other versions of the sources are kept."""

numba: Any = None


@contextmanager
def _absent(module: str) -> Iterator[None]:
    """Hide a module in the block as if it were not installed, unless it is loaded already."""
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
"""The message of the first start; compiling takes 24 s on a 3 GHz server core."""


def sources_digest() -> str:
    """Return a hash of the sources of all compiled code.

    Numba checks only the file of a function, not those of the functions that it calls and of the
    constants that are compiled into it. Without the hash, old machine code would be used after a
    change of another file.
    """
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources())).hexdigest()[:16]


def sources() -> list[Path]:
    """Return the files of compiled functions, and of all constants that they may contain."""
    return sorted(path for pattern in _SOURCES for path in _PACKAGE.glob(pattern))


def cache_directory() -> Path | None:
    """Return the directory for the machine code of these sources, created if needed.

    It is beside the package if that can be written, else in the user's cache; None where neither
    can be written.
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
    """Remove the machine code of older versions of the sources."""
    others = [path for path in base.glob(f"{_PREFIX}*") if path != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _load_arrays() -> None:
    """Load numba's support for arrays without scipy.linalg.

    Numba looks for a BLAS there, which takes a twelfth of the time of a command, and which only
    compiled products of matrices need. Other code in this process can still compile those, because
    numba then looks again.
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
    """Return ``function``, compiled at its first call, with its machine code kept on disk."""
    return _jit(function)


def hot(function: F) -> F:
    """Return ``function`` as :func:`compiled`; it must not allocate memory.

    Otherwise every call would count references to every array that it is given, atomically, which
    makes the loop of the window 20 times slower.
    """
    return _jit(function, _nrt=False)


def inlined(function: F) -> F:
    """Return ``function``, which is compiled into its callers; it must not allocate memory."""
    return _jit(function, _nrt=False, forceinline=True)
