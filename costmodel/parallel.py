"""Runs independent tasks in several processes; the results do not depend on their number.

The memory that a process has freed is kept for its next arrays, or given back before others start.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.context import DefaultContext, ForkContext
from typing import Any, Final, TypeVar

_PR_SET_PDEATHSIG = 1

T = TypeVar("T")
R = TypeVar("R")

_work: tuple[Callable[[Any], Any], Sequence[Any]]
"""In a worker process: the function and the tasks that it is called with."""


def cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def context() -> ForkContext | DefaultContext:
    """Return how processes are started: by forking this one where the system supports it well.

    It is stated because the default changes with Python 3.14. Everything that a process needs is
    sent to it in any case.
    """
    if sys.platform == "linux":
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context()


def in_processes(function: Callable[[T], R], tasks: Sequence[T], *, jobs: int) -> list[R]:
    """Return ``function(task)`` for every task, in order, computed in ``jobs`` processes.

    With ``jobs`` 1 it is computed in this process. Function, tasks and results must be picklable.
    An exception, Ctrl-C included, ends the workers at once and is raised here.
    """
    if jobs <= 1 or len(tasks) <= 1:
        return [function(task) for task in tasks]
    with pool(min(jobs, len(tasks)), begin=_remember, arguments=(function, tasks)) as executor:
        return list(executor.map(_nth, range(len(tasks))))


def apart(function: Callable[..., R], *arguments: Any) -> R:
    """Return ``function(*arguments)``, computed in a process that takes what it loads with it."""
    with pool(1) as executor:
        return executor.submit(function, *arguments).result()


@contextmanager
def pool(
    jobs: int, *, begin: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Yield an executor of ``jobs`` processes, each of which first calls ``begin(*arguments)``.

    An exception inside the block, Ctrl-C included, ends the workers at once.
    """
    executor = ProcessPoolExecutor(
        jobs, mp_context=context(), initializer=_begin, initargs=(begin, arguments)
    )
    before = set(multiprocessing.active_children())
    try:
        yield executor
    except BaseException:
        # Waiting for half-done tasks would keep Ctrl-C from ending at once.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Let the system end this process when its parent process ends, even by ``kill -9``."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _begin(begin: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Let Ctrl-C end a worker without a traceback of its own, and call ``begin(*arguments)``.

    What it has from the start is never looked at for garbage, which would copy all of it.
    """
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()
    if begin is not None:
        begin(*arguments)


def _remember(function: Callable[[Any], Any], tasks: Sequence[Any]) -> None:
    global _work  # noqa: PLW0603 (a worker has no other place for it)
    _work = function, tasks


def _nth(number: int) -> Any:
    function, tasks = _work
    return function(tasks[number])


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
