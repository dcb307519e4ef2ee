"""Lets the C library keep freed memory, because each cell allocates dozens of large arrays."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3), from glibc's malloc.h
_LARGEST_MMAP_THRESHOLD: Final = 32 << 20
_KEPT_BYTES: Final = 256 << 20


def give_back() -> None:
    """Give free memory back to the system, so that no process forked from this one copies it."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no malloc_trim()
            ctypes.CDLL(None).malloc_trim(0)


@cache
def keep_freed_memory() -> None:
    """Let the heap keep freed memory, where the C library is glibc; elsewhere do nothing.

    By default every array above 128 KiB is a mapping of its own, which the kernel clears page by
    page when it is touched. That took half of the time of building a trace.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):  # musl has no mallopt()
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
