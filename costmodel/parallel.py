"""Spread independent tasks over processes; the results never depend on how many."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_processes(function: Callable[[T], R], tasks: Sequence[T], *, jobs: int) -> list[R]:
    """Return ``function`` of every task, in order; ``jobs`` 1 stays in this process.

    Function, tasks and results must be picklable. An exception, Ctrl-C too, ends the workers at
    once and is raised here.
    """
    if jobs <= 1 or len(tasks) <= 1:
        return [function(task) for task in tasks]
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(min(jobs, len(tasks)), initializer=_end_silently)
    try:
        return list(executor.map(function, tasks))
    except BaseException:
        # Waiting for half-done tasks would keep Ctrl-C from ending at once.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _end_silently() -> None:
    """Let Ctrl-C end a worker without a traceback of its own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
