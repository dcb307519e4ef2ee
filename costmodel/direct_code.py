"""Calls compiled functions from files of object code, without loading numba.

Numba takes a third of a second to load and to find its own files. Its native functions take the
addresses of two places, for the result and for an exception, then the parts of their arguments as
machine words: an array is two zeros (nobody owns it), its size, the size of an element, the
address, and the lengths and strides of its dimensions; a tuple is its members. They return 0.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
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
