"""Compile a function with numba where numba is there, else leave it as plain Python."""

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
