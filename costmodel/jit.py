"""Compiles functions with numba where it is installed; otherwise they stay plain Python.

Machine code is kept on disk, so an installation compiles only once.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from costmodel import machine_code

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_PREFIX = "numba-"
_DISABLE = "NUMBA_DISABLE_JIT"
_SOURCES = (
    "cpu/*.py",
    "code/*.py",
    "explaining/*.py",
    "cpus/compiled/*.py",
    "cpus/invalidation.py",
    "mm/pte.py",
    "units.py",
    "machine_code.py",
    "jit.py",
)
_KEPT = 3
"""How many directories with the machine code of other versions of the sources are kept."""


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


def is_compiled() -> bool:
    """Tell whether functions are compiled. If not, the engine is slow, but gives the same ticks."""
    return find_spec("numba") is not None and os.environ.get(_DISABLE, "0") == "0"


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
        with suppress(OSError):  # even to look may be forbidden, in another user's home
            if directory.is_dir() and os.access(directory, os.W_OK):
                return directory
            directory.mkdir(parents=True)
            _tidy(base, directory)
            if is_compiled():
                print(_COMPILING, file=sys.stderr)
            return directory
    return None


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


@cache
def _numba() -> Any:
    """Return numba, which loads coverage where that is installed."""
    with _absent("coverage"):
        numba = importlib.import_module("numba")
    _load_arrays()
    return numba


directory = cache(cache_directory)
"""Returns the directory of this process."""


def is_to_compile() -> bool:
    """Tell whether nothing was compiled yet, though functions are and there is a place for it."""
    place = directory()
    return is_compiled() and place is not None and not any(place.iterdir())


class Compiled:
    """A function that numba compiles when it is first called; ``options`` are those of its jit.

    Numba is loaded only then. Machine code is kept on disk.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """Remember what is to be compiled."""
        self.py_func = function
        self._options = options

    @cached_property
    def dispatcher(self) -> Any:
        """Numba's object for the function."""
        numba, place = _numba(), directory()
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(place or before)  # numba reads it now, for this function
        try:
            result = numba.njit(self.py_func, error_model="numpy", **self._options)
            if place is not None:
                machine_code.keep(result, self._compiled)
        finally:
            numba.config.CACHE_DIR = before
        return result

    def _compiled(self, _: Any) -> None:
        """Take note of numba's result, just compiled."""

    @property
    def _numba_type_(self) -> Any:
        """Type of the function for numba, in other functions that call it."""
        return _numba().typeof(self.dispatcher)

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function."""
        return self.dispatcher(*arguments)


class Standalone(Compiled):
    """A compiled function that is called without numba, once its code is on disk.

    It returns nothing; its arguments are integers, contiguous arrays, and tuples of them.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """Remember what is to be compiled; nobody needs numba's own way to call it."""
        super().__init__(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
        self._known: dict[str, Callable[[list[int]], None]] = {}
        self._path: Path | None = None

    def __call__(self, *arguments: Any) -> None:
        """Call the compiled function."""
        words: list[int] = []
        form = machine_code.in_words(arguments, words)
        if form not in self._known:
            self._known[form] = machine_code.loaded(self._code(form, arguments), len(words))
        self._known[form](words)

    def _code(self, form: str, arguments: Sequence[Any]) -> machine_code.ObjectCode:
        place = directory()
        path = self._path = place and place / machine_code.file_name(self.py_func, form)
        if path and (known := machine_code.object_code(path)):
            return known
        types = tuple(map(_numba().typeof, arguments))
        self.dispatcher.compile(types)
        if path and (known := machine_code.object_code(path)):
            return known  # written here, or by another process that compiled it meanwhile
        if path:  # numba's own files may be there, from which there is no way back to object code
            self.dispatcher._cache.flush()
            del self.dispatcher
            self.dispatcher.compile(types)
        return _object_code(self.dispatcher.overloads[types])

    def _compiled(self, result: Any) -> None:
        if self._path:
            machine_code.keep_object_code(self._path, _object_code(result))


def _object_code(result: Any) -> machine_code.ObjectCode:
    """Return the object code of numba's result of compiling a function in this process."""
    _, _, (code, *_) = result.library.serialize_using_object_code()
    return machine_code.ObjectCode(result.fndesc.llvm_func_name, code)


def compiled(function: F) -> F:
    """Return ``function``, compiled at its first call, with its machine code kept on disk."""
    return cast("F", Compiled(function)) if is_compiled() else function


def hot(function: F) -> F:
    """Return ``function`` as :func:`compiled`; it must not allocate memory.

    Otherwise every call would count references to every array that it is given, atomically, which
    makes the loop of the window 20 times slower.
    """
    return cast("F", Compiled(function, _nrt=False)) if is_compiled() else function


def standalone(function: F) -> F:
    """Return ``function`` as :func:`hot`, to be called without numba: see :class:`Standalone`."""
    return cast("F", Standalone(function, _nrt=False)) if is_compiled() else function


def inlined(function: F) -> F:
    """Return ``function``, which is compiled into its callers; it must not allocate memory."""
    return (
        cast("F", Compiled(function, _nrt=False, forceinline=True)) if is_compiled() else function
    )
