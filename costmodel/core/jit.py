"""Compile functions with numba where numba is there, else leave them as plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

try:
    import numba
except ImportError:  # the engine is then slow, but gives the same ticks
    numba = None


def compiled(function: F) -> F:
    """Return ``function`` compiled on its first call, with the machine code cached on disk."""
    if numba is None:
        return function
    result: F = numba.njit(function, cache=True, error_model="numpy")
    return result


def hot(function: F) -> F:
    """Return ``function`` compiled as a part of the window loop; it must not allocate.

    Without that promise every call counts references of every array it is given, atomically, which
    makes the loop 20 times slower.
    """
    if numba is None:
        return function
    result: F = numba.njit(
        function, cache=True, error_model="numpy", forceinline=True, _nrt=False
    )
    return result
