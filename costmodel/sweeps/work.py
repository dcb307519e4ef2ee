"""Computes the chunks of a sweep: in this process, in several, or on a cluster."""

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
from costmodel.disk_cache import forget, memory_only
from costmodel.parallel import give_back, pool
from costmodel.sweeps.folder import SweepFolder
from costmodel.sweeps.price import packed, price_chunk, price_piece
from costmodel.sweeps.study import Chunk, SweepStudy, SweepWork

P = ParamSpec("P")
T = TypeVar("T")

_AHEAD = 3
"""Chunks submitted per worker: enough that none waits, few enough that memory stays small."""


class Serial(Executor):
    """An executor of ``concurrent.futures`` that runs each task in this process, when submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` and return a future that is done; what ``fn`` raises is raised here."""
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
    """Compute the chunks of a study that its folder lacks, and call ``done`` with each number.

    ``workers`` is how many chunks the executor computes at once. Raises ConfigError where workers
    are lost for good; what was computed before stays in the folder.
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
    """Yield numbers and results as they are ready, with at most ``most`` tasks submitted."""
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
def local(jobs: int, study: SweepWork) -> Iterator[Executor]:
    """Yield an executor of ``jobs`` processes for a study; with 1 it is this process itself.

    One point of each machine is priced before the others start: recorded steps and traces are then
    shared memory, which each would read and make for itself.
    """
    if jobs <= 1:
        yield Serial()
        return
    from costmodel import cpu

    cpu.warm_up()
    work = packed(study)
    first = {block.machine.name: number for number, block in reversed([*enumerate(study.blocks)])}
    # The store is left alone: each process would read and make what it finds no program of.
    with memory_only(), pool(jobs) as executor:
        for number in first.values():
            price_piece(work, Chunk(number, 0, 1))
        give_back()
        executor.submit(int).result()  # all processes are there now
        forget()
        give_back()
        yield executor


@contextmanager
def cluster(scheduler: str) -> Iterator[tuple[Executor, int]]:
    """Yield the executor of a Dask scheduler (``tcp://host:8786``) and its number of threads.

    Raises ConfigError where Dask is not installed, no scheduler answers, or it has no workers.
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
    """Return the exceptions which mean that workers or the scheduler are gone for good."""
    dask: Any = sys.modules.get("distributed")
    if dask is None:
        return (BrokenProcessPool,)
    # A scheduler that is gone cancels what it was asked for.
    return (BrokenProcessPool, dask.KilledWorker, dask.comm.CommClosedError, CancelledError)
