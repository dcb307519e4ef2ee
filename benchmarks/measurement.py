"""One measured number, and how to measure a piece of code or a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MEGABYTES = "MB"
"""Unit of memory: 2**20 bytes."""


@dataclass(frozen=True)
class Measurement:
    """A number with its unit; ``target`` is the most (least, if ``more`` is better) it may be."""

    name: str
    value: float
    unit: str
    target: float | None = None
    more: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more else self.value <= self.target


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[], object], *, times: int) -> float:
    """Return the shortest of several runs: whatever else the machine does only adds."""
    return min(seconds(work) for _ in range(times))


@dataclass(frozen=True)
class Ended:
    """A command that has ended: CPU time of all its processes, memory of the largest."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def _usual(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what keeps Python from writing compiled modules, which users have."""
    return {key: text for key, text in environment.items() if key != "PYTHONDONTWRITEBYTECODE"}


def command(words: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Ended:
    """Run this Python with ``words``; raise CalledProcessError if it fails."""
    # A process of its own asks for the peak: that of all children would be of the largest ever.
    program = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)\n"
        "took = time.perf_counter() - start\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "cpu = used.ru_utime + used.ru_stime\n"
        "print(json.dumps([took, cpu, used.ru_maxrss, done.returncode]))\n"
        "print(done.stdout, end='')\n"
    )
    words = [sys.executable, "-c", program, sys.executable, *words]
    done = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**_usual(os.environ), **(environment or {})},
    )
    first, _, output = done.stdout.partition("\n")
    took, cpu, peak, code = (float(part) for part in first.strip("[]").split(","))
    if code:
        raise subprocess.CalledProcessError(int(code), words)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Ended(took, cpu, peak * kilobyte / (1 << 20), output)
