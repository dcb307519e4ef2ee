"""Time and memory of a sweep, as the benchmark takes them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import sweeps


@pytest.mark.skipif(sys.platform != "linux", reason="memory of processes is read from /proc")
def test_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    """The parent and its child have 60 MiB each, and both map the same file of 40."""
    (tmp_path / "file").write_bytes(bytes(40 << 20))
    fill = (
        f"import mmap; f = open({str(tmp_path / 'file')!r}, 'rb')\n"
        "m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "sum(m[::4096]); b = bytearray(60 << 20); b[::4096] = b'1' * len(b[::4096])\n"
    )
    child = f"{fill}input()"
    start = f"{fill}import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE) as parent:
        deadline = time.monotonic() + 30
        while sweeps._together_kb(parent.pid) < 160 << 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert 160 << 10 <= sweeps._together_kb(parent.pid) < 190 << 10
        parent.communicate(b"\n")
    assert not sweeps._together_kb(parent.pid)
