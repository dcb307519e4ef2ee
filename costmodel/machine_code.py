"""Keeps machine code on disk: damaged files are made again, and only one process makes each file.

Numba by itself trusts the files of compiled functions, so that a truncated one ends the program,
and two processes that need the same function compile it twice.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

fcntl: Any = None
with suppress(ImportError):  # not on Windows, where every process compiles for itself
    import fcntl

_TOLD_SECONDS: Final = 1.0
"""A compilation that takes less time is not reported."""


def keep(dispatcher: Any, compiled: Callable[[Any], object] | None = None) -> None:
    """Keep the machine code of a numba function in the directory that numba is set to.

    ``compiled`` is called with numba's result when the function was compiled here, before any other
    process that waits for it goes on.
    """
    caching: Any = importlib.import_module("numba.core.caching")

    class Kept(caching.FunctionCache):  # type: ignore[misc]
        """Numba's cache of one function."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            """Return machine code, None where this process is to compile it."""
            found = self._found(sig, target_context)
            if found is None:
                _lock.take()
                found = self._found(sig, target_context)  # another process made it meanwhile
                if found is not None:
                    _lock.leave(None)
            return found

        def _found(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # whatever reading a damaged file raises
                with suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            """Write machine code down; a full disk only means that it is compiled again."""
            try:
                with suppress(OSError):
                    super().save_overload(sig, data)
                if compiled is not None:
                    compiled(data)
            finally:
                _lock.leave(function)

    function: Callable[..., Any] = dispatcher.py_func
    cache: Any = Kept(function)
    _lock = _Lock(Path(cache.cache_path) / f"{function.__module__}.{function.__name__}.lock")
    dispatcher._cache = cache


class _Lock:
    """A lock that the process holds which compiles a function."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._begin = 0.0

    def take(self) -> None:
        """Wait until no other process compiles the function."""
        self._begin = time.monotonic()
        if fcntl is None:
            return
        with suppress(OSError):  # a file system without locks
            if self._file is None:
                self._file = self._path.open("wb")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _tell(f"waiting for another process that compiles {self._path.stem}")
                fcntl.flock(self._file, fcntl.LOCK_EX)
                self._begin = time.monotonic()

    def leave(self, compiled: Callable[..., Any] | None) -> None:
        """Release the lock; report the time if the function was ``compiled`` here."""
        if self._file is not None:
            self._file.close()
            self._file = None
        took = time.monotonic() - self._begin
        if compiled is not None and took > _TOLD_SECONDS:
            _tell(f"compiled {compiled.__module__}.{compiled.__name__} in {took:.0f} s")


def _tell(text: str) -> None:
    """Print to stderr what takes long, if that is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"costmodel: {text}", file=sys.stderr, flush=True)
