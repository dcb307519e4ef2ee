"""Without the compiler the engine is slow and right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.code.trace import TableRun
from costmodel.cpu import engine

from .build import ALTRA
from .loops import fork_loop

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
if {hide}:
    sys.modules["numba"] = None
from costmodel.cpu import engine
from costmodel.code.trace import TableRun
from tests.cpu.build import ALTRA
from tests.cpu.loops import fork_loop
print(engine.run([TableRun(fork_loop(64, "arm64"), 3, 64)], ALTRA).ticks)
"""


@pytest.mark.parametrize("hide", [True, False], ids=["no numba", "NUMBA_DISABLE_JIT"])
def test_same_ticks(hide: bool) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    if not hide:
        environment["NUMBA_DISABLE_JIT"] = "1"
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(hide=hide)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = engine.run([TableRun(fork_loop(64, "arm64"), 3, 64)], ALTRA).ticks
    assert json.loads(result.stdout) == expected


def test_the_package_does_not_load_the_compiler() -> None:
    code = "import sys, costmodel.cpu; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
