"""A run that is interrupted or killed at any moment leaves old results whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from costmodel.results.reading import read_results
from tests.hostile.mutations import LONG

INTERRUPTED, KILLED = (20, 25) if LONG else (2, 2)
COMMAND = [
    sys.executable, "-m", "costmodel", "run", "--machine", "xeon-4210r", "--strategy",
    "folio-batch-v6.9", "--set", "memory=4 MiB", "--set", "protocol.runs=2", "--json",
]  # fmt: skip


def started(file: Path) -> subprocess.Popen[str]:
    """Start a run that writes ``file``, in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, file.name],
        cwd=file.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A result file and the seconds that it takes to make one."""
    file = tmp_path_factory.mktemp("signals") / "results.json"
    for _ in range(2):  # whatever is compiled once is compiled by the first
        begin = time.monotonic()
        with started(file) as run:
            _, err = run.communicate()
        assert run.returncode == 0, err
    return file, time.monotonic() - begin


def struck(file: Path, seconds: float, number: int, sent: signal.Signals) -> tuple[int, str]:
    """Return exit code and stderr of a run that gets a signal at a moment of its life."""
    with started(file) as run:
        time.sleep(random.Random(number).uniform(0.0, 1.1 * seconds))
        if run.poll() is None:
            os.killpg(run.pid, sent)  # the group of the process that was started here
        _, err = run.communicate()
    return run.returncode, err


def cells(file: Path) -> object:
    return json.loads(file.read_text())["cells"]


@pytest.mark.parametrize("number", range(INTERRUPTED))
def test_an_interrupted_run_leaves_no_trace(whole: tuple[Path, float], number: int) -> None:
    file, seconds = whole
    before = cells(file)
    code, err = struck(file, seconds, number, signal.SIGINT)
    # Before Python itself has started it ends by the signal; after the last write it is done.
    assert code in (130, 0, -signal.SIGINT)
    assert "Traceback" not in err or code == -signal.SIGINT
    assert read_results(file).cells and cells(file) == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("number", range(KILLED))
def test_a_killed_run_leaves_the_old_file(whole: tuple[Path, float], number: int) -> None:
    file, seconds = whole
    before = cells(file)
    code, _ = struck(file, seconds, number, signal.SIGKILL)
    assert code in (-signal.SIGKILL, 0)
    assert read_results(file).cells and cells(file) == before
