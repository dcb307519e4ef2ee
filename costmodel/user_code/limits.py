"""How long a user's code may run and how much memory it may take, enforced where it runs."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

resource: Any = None
with suppress(ImportError):  # not on Windows
    import resource

_GRACE_CPU_SECONDS = 1


@dataclass(frozen=True)
class Limits:
    """What one request may take: an import, or one strategy on one page table.

    ``cpu_seconds`` are seconds of a CPU, so that a busy machine refuses nothing; ``wall_seconds``
    are for code that sleeps. ``memory_bytes`` come on top of what the process has when it starts.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 60.0
    memory_bytes: int = 2 << 30

    @property
    def last_resort_seconds(self) -> float:
        """When the process that waits for an answer ends the other one by force."""
        return self.wall_seconds + 10

    @property
    def too_long(self) -> str:
        """What is wrong with code that used its CPU time up."""
        return f"does not end within {self.cpu_seconds:g} s of CPU time"

    @property
    def too_slow(self) -> str:
        """What is wrong with code that sleeps."""
        return f"does not end within {self.wall_seconds:g} s"

    @property
    def too_large(self) -> str:
        """What is wrong with code that ran out of memory."""
        return f"needs more than {self.memory_bytes / (1 << 30):.3g} GiB of memory"


Stop = Callable[[str, FrameType | None], None]
"""Takes a reason and the place at which the code was interrupted; does not return."""


def limit_memory(limits: Limits) -> None:
    """Let this process have ``limits.memory_bytes`` more than it has now, where that is possible.

    What counts is private memory that can be written, where the system tells how much there is of
    it: libraries reserve far more addresses than they use.
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
    """Call ``stop`` from where the code is when its time is up.

    Code that Python cannot interrupt (one long call into C) is ended by the system a little later.
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
    """Lower a limit of this process; it may be raised again up to what was given from outside."""
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (value, hard))
