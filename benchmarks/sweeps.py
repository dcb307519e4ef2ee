"""Sweeps: cells per second of CPU time, and the memory of all their processes together."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measurement import MEGABYTES, Measurement

ROOT = Path(__file__).parents[1]
ROUNDS = 3
_LOOK_SECONDS = 0.2
_PAIR = (
    "--machine", "ampere-altra", "--strategy", "folio-batch-v6.9", "--order", "4", "--order", "9"
)  # fmt: skip
_CELLS_PER_POINT = 4
_POINTS = 2048
_ONE = ("--over", f"atomics.store_only_cycles=4..15:{_POINTS}")
_FREE = ("--over", "uncertain", "--sample", "sobol", "--points")
_ALL, _FEW = (*_FREE, str(_POINTS)), (*_FREE, "16")
_MOST_MB = 500.0
_MAPPING = re.compile(r"^[0-9a-f]+-.* (/.*)\n((?:[A-Z].*\n)+)", re.MULTILINE)
"""A mapping of a file in ``/proc/PID/smaps``: the path of the file, and the lines of its sizes."""


@dataclass(frozen=True)
class Swept:
    """What a sweep took: CPU time of all its processes, and their memory together at its highest.

    What they share counts once: of their own memory the proportional set size, of each file as much
    as the process that uses most of it, no matter what else on the machine uses it. It is 0 where
    the system does not say it.
    """

    cpu_seconds: float
    peak_mb: float


def sweeps() -> Iterator[Measurement]:
    """Cells per second of CPU time, the start included, and memory of all processes."""
    for name, over, target in (
        ("sweep, one number changing", _ONE, 250.0),
        ("sweep, all numbers free", _ALL, 120.0),
    ):
        took = [_swept([*_PAIR, *over]) for _ in range(ROUNDS)]
        rates = [_CELLS_PER_POINT * _POINTS / each.cpu_seconds for each in took]
        note = f"{min(rates):.0f} .. {max(rates):.0f}"
        yield Measurement(name, statistics.median(rates), "cells/s", target, more=True, note=note)
        yield from _memory(name, [each.peak_mb for each in took])
    yield from _memory("sweep of lkml-fork", [_swept(["lkml-fork", *_FEW]).peak_mb])
    with TemporaryDirectory() as machine_code:
        first = _swept(["lkml-fork", *_FEW], {"NUMBA_CACHE_DIR": machine_code})
    yield from _memory("first sweep, which compiles", [first.peak_mb])


def _memory(name: str, peaks: Sequence[float]) -> Iterator[Measurement]:
    if max(peaks):
        yield Measurement(f"{name}: memory", max(peaks), MEGABYTES, _MOST_MB)


def _swept(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Swept:
    """Compute a sweep into a folder that is thrown away."""
    before = os.times()
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "costmodel", "sweep", *words, "-o", f"{folder}/out"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, **(environment or {})}
        ) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, _together_kb(process.pid))
                time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    after = os.times()
    used = after.children_user + after.children_system
    return Swept(used - before.children_user - before.children_system, peak / 1024)


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and those that it started; none where the system does not say them."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:  # it has ended
            continue
        for child in children:
            yield from _tree(int(child))


def _together_kb(pid: int) -> int:
    """Return the memory of a process and those that it started, in KiB."""
    own = 0
    files: dict[str, int] = {}
    for each in _tree(pid):
        here: Counter[str] = Counter()
        try:
            own += _kb(Path(f"/proc/{each}/smaps_rollup").read_text(), "Pss_Anon")
            mappings = Path(f"/proc/{each}/smaps").read_text()
        except OSError:  # it has ended
            continue
        for name, mapping in _MAPPING.findall(mappings):
            here[name] += _kb(mapping, "Rss") - _kb(mapping, "Anonymous")
        files |= {name: max(kb, files.get(name, 0)) for name, kb in here.items()}
    return own + sum(files.values())


def _kb(text: str, key: str) -> int:
    found = re.search(rf"^{key}: +(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) if found else 0
