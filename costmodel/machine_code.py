"""Keeps machine code on disk: damaged files are made again, and only one process makes each file.

Numba by itself trusts the files of compiled functions, so that a truncated one ends the program,
and two processes that need the same function compile it twice. It also takes a third of a second to
load and to find its own files: its functions are kept as object code, too, and called without it.
Such a function takes the addresses of two places, for the result and for an exception, then the
parts of its arguments as machine words: an array is two zeros (nobody owns it), its size, the size
of an element, the address, and the lengths and strides of its dimensions; a tuple is its members.
It returns 0.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

_SETTINGS: Final = "NUMBA_"
_DIGEST_BYTES: Final = 32


class ObjectCode(NamedTuple):
    """The object code of a library, and the name of the function in it."""

    symbol: str
    code: bytes


def in_words(arguments: Iterable[Any], words: list[int]) -> str:
    """Add the machine words of integers, contiguous arrays and tuples of them to ``words``.

    Return a text that tells their types from others. Raises TypeError for anything else.
    """
    form = ""
    for each in arguments:
        if isinstance(each, np.ndarray):
            if not each.flags.c_contiguous or not each.flags.writeable:
                raise TypeError("arrays must be contiguous and writable")
            place = each.ctypes.data
            words += (0, 0, each.size, each.itemsize, place, *each.shape, *each.strides)
            form += f"{each.dtype.str}{each.ndim}"
        elif isinstance(each, tuple):
            form += f"({in_words(each, words)})"
        elif isinstance(each, int):
            words.append(each)
            form += "i"
        else:
            raise TypeError(f"must be an integer, an array or a tuple (got {type(each).__name__})")
    return form


def file_name(function: Callable[..., Any], form: str) -> str:
    """Return the name of the file with the code of a function on this CPU, by these packages."""
    from importlib.metadata import version

    import llvmlite.binding as llvm

    settings = sorted(pair for pair in os.environ.items() if pair[0].startswith(_SETTINGS))
    packages = [(name, version(name)) for name in ("numba", "llvmlite")]
    cpu = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    said = repr((form, sys.version, packages, cpu, settings))
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return f"{function.__module__}.{function.__name__}-{digest}.o"


def object_code(path: Path) -> ObjectCode | None:
    """Return what a file holds; None where there is none, or where it is damaged."""
    with suppress(OSError, ValueError):
        data = path.read_bytes()
        digest, rest = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(rest).digest() == digest:
            symbol, _, code = rest.partition(b"\n")
            return ObjectCode(symbol.decode(), code)
    return None


def keep_object_code(path: Path, found: ObjectCode) -> None:
    """Write a file, whole or not at all; a full disk only means that numba is loaded again."""
    rest = found.symbol.encode() + b"\n" + found.code
    new = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        try:
            new.write_bytes(hashlib.sha256(rest).digest() + rest)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def loaded(found: ObjectCode, words: int) -> Callable[[list[int]], None]:
    """Return a function that calls object code with so many words; it returns nothing."""
    import llvmlite.binding as llvm

    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(found.code))
    engine.finalize_object()
    # A function of Python's own kind keeps the lock of the interpreter, as numba does.
    kind = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * words)
    native = kind(engine.get_function_address(found.symbol))
    places = ctypes.byref(ctypes.c_void_p()), ctypes.byref(ctypes.c_void_p())

    def call(words: list[int]) -> None:
        if native(*places, *words):
            raise RuntimeError(f"{found.symbol} failed")

    return call


@cache
def _engine() -> Any:
    import llvmlite.binding as llvm

    with suppress(RuntimeError):  # newer versions do it themselves, and say so
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


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
            is_kept = False
            try:
                with suppress(OSError):
                    super().save_overload(sig, data)
                    with warnings.catch_warnings(action="ignore"):  # it was told above
                        is_kept = self._impl.check_cachable(data)
                if compiled is not None:
                    compiled(data)
            finally:
                _lock.leave(function)
            if is_kept:
                _share.take_one()

    function: Callable[..., Any] = dispatcher.py_func
    cache: Any = Kept(function)
    _lock = _Lock(Path(cache.cache_path) / f"{function.__module__}.{function.__name__}.lock")
    dispatcher._cache = cache


class _Enough(BaseException):
    """This process has compiled its share; numba handles exceptions of any other kind itself."""


class _Share:
    """How many functions this process is still to compile."""

    left = math.inf

    def take_one(self) -> None:
        self.left -= 1
        if not self.left:
            raise _Enough


_share = _Share()


def ends_within(functions: int, work: Callable[..., object], *arguments: Any) -> bool:
    """Call ``work(*arguments)`` until it ends, or has compiled and kept so many functions.

    Return whether it ended. If not, this process can compile no more, and another goes on.
    """
    _share.left = functions
    try:
        work(*arguments)
    except _Enough:
        return False
    return True


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
