"""Limits on the time and memory of a user's code, enforced in the process where it runs."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from costmodel.units import GIB

resource: Any = None
with suppress(ImportError):  # not on Windows
    import resource

_GRACE_CPU_SECONDS = 1


@dataclass(frozen=True)
class Limits:
    """The limits of one request: an import, or one strategy on one page table.

    ``cpu_seconds`` is CPU time, so that a busy machine refuses nothing. ``wall_seconds`` is for
    code that sleeps. ``memory_bytes`` is allowed beyond what the process has when it starts.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 60.0
    memory_bytes: int = 2 << 30

    @property
    def last_resort_seconds(self) -> float:
        """After how many seconds the waiting process ends the other one by force."""
        return self.wall_seconds + 10

    @property
    def too_long(self) -> str:
        """The reason for code that used all its CPU time."""
        return f"does not end within {self.cpu_seconds:g} s of CPU time"

    @property
    def too_slow(self) -> str:
        """The reason for code that sleeps too long."""
        return f"does not end within {self.wall_seconds:g} s"

    @property
    def too_large(self) -> str:
        """The reason for code that ran out of memory."""
        return f"needs more than {self.memory_bytes / GIB:.3g} GiB of memory"


Stop = Callable[[str, FrameType | None], None]
"""A function that gets a reason and the frame where the code was interrupted, and never returns."""


def limit_memory(limits: Limits) -> None:
    """Limit the memory of this process to ``limits.memory_bytes`` more than it has now.

    Where the system tells how much there is of it, private writable memory counts, because
    libraries reserve far more addresses than they use. Elsewhere nothing is limited.
    """
    if resource is None:
        return
    statm = Path("/proc/self/statm")
    with suppress(OSError, ValueError):
        if statm.exists():
            used = int(statm.read_text().split()[5]) * resource.getpagesize()
            _set(resource.RLIMIT_DATA, used + limits.memory_bytes)
    _set(resource.RLIMIT_CORE, 0)


@contextmanager
def limited(limits: Limits, stop: Stop) -> Iterator[None]:
    """Call ``stop`` if the time of the code in the block is up.

    Code that Python cannot interrupt, such as a long call into C, is ended by the system a little
    later.
    """
    if resource is None:
        yield
        return
    cpu, wall = signal.SIGPROF, signal.SIGALRM
    signal.signal(cpu, lambda _, frame: stop(limits.too_long, frame))
    signal.signal(wall, lambda _, frame: stop(limits.too_slow, frame))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _set(resource.RLIMIT_CPU, math.ceil(used + limits.cpu_seconds) + _GRACE_CPU_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _set(what: int, value: int) -> None:
    """Lower a limit of this process; it can be raised again up to the limit from outside."""
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (value, hard))
