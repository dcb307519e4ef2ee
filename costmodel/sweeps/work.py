"""Who computes the chunks of a sweep: this process, several, or a cluster; all in one way."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from costmodel.config.errors import ConfigError
from costmodel.parallel import pool
from costmodel.sweeps.folder import SweepFolder
from costmodel.sweeps.price import packed, price_chunk
from costmodel.sweeps.study import SweepStudy

P = ParamSpec("P")
T = TypeVar("T")

_AHEAD = 3
"""Chunks given out per worker: enough that none waits, few enough that memory stays small."""


class Serial(Executor):
    """An executor of concurrent.futures that does everything at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that is done."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def compute(
    study: SweepStudy,
    folder: SweepFolder,
    executor: Executor,
    *,
    workers: int,
    done: Callable[[int], object] = lambda _: None,
) -> None:
    """Compute the chunks of a study that its folder lacks; ``done`` is told of each.

    ``workers`` is how many chunks are computed at once. Raises ConfigError where workers are lost
    for good; what was computed before stays in the folder.
    """
    missing = folder.missing()
    work = packed(study)
    try:
        tasks = ((number, executor.submit(price_chunk, work, number)) for number in missing)
        for number, table in _finished(tasks, most=_AHEAD * workers if workers > 1 else 1):
            folder.keep(number, table)
            done(number)
    except _lost() as error:
        left = len(folder.missing())
        reason = f"workers were lost, {left} chunks are left: the same command goes on from there"
        raise ConfigError.of("sweep", reason, got=type(error).__name__) from None


def _finished(tasks: Iterable[tuple[int, Future[Any]]], *, most: int) -> Iterator[tuple[int, Any]]:
    """Yield results as they come, with at most so many tasks given out."""
    waiting: dict[Future[Any], int] = {}
    for number, future in tasks:
        waiting[future] = number
        if len(waiting) >= most:
            yield from _some(waiting)
    while waiting:
        yield from _some(waiting)


def _some(waiting: dict[Future[Any], int]) -> Iterator[tuple[int, Any]]:
    ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ready:
        yield waiting.pop(future), future.result()


@contextmanager
def local(jobs: int) -> Iterator[Executor]:
    """Give an executor of ``jobs`` processes; 1 is this process alone."""
    if jobs <= 1:
        yield Serial()
        return
    from costmodel import cpu

    cpu.warm_up()
    with pool(jobs) as executor:
        yield executor


@contextmanager
def cluster(scheduler: str) -> Iterator[tuple[Executor, int]]:
    """Give the executor of a Dask scheduler (``tcp://host:8786``) and how many threads it has.

    Raises ConfigError where Dask is not installed, or no scheduler answers.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        reason = "needs Dask: pip install 'costmodel[cluster]'"
        raise ConfigError.of("--scheduler", reason) from None
    try:
        client = distributed.Client(scheduler, timeout="10s")
    except (OSError, ValueError, TypeError) as error:
        reason = f"no scheduler answers ({type(error).__name__})"
        raise ConfigError.of("--scheduler", reason, got=repr(scheduler)) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ConfigError.of("--scheduler", "has no workers", got=repr(scheduler))
        yield client.get_executor(pure=False), threads


def _lost() -> tuple[type[Exception], ...]:
    """Return what says that workers or the scheduler are gone for good."""
    dask: Any = sys.modules.get("distributed")
    if dask is None:
        return (BrokenProcessPool,)
    # A scheduler that is gone cancels what it was asked for.
    return (BrokenProcessPool, dask.KilledWorker, dask.comm.CommClosedError, CancelledError)
