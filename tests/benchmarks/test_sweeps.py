"""Time and memory of a sweep, as the benchmark takes them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from benchmarks import sweeps


@pytest.mark.skipif(sys.platform != "linux", reason="memory of processes is read from /proc")
def test_memory_is_that_of_all_processes_together() -> None:
    child = "b = bytearray(60 << 20); b[::4096] = b'1' * len(b[::4096]); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE) as parent:
        deadline = time.monotonic() + 30
        while _together_kb(parent.pid) < 60 << 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert 60 << 10 <= _together_kb(parent.pid) < 120 << 10
        parent.communicate(b"\n")
    assert not _together_kb(parent.pid)


def _together_kb(pid: int) -> int:
    return sum(map(sweeps._own_kb, sweeps._tree(pid)))
