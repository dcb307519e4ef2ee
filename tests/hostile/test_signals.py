"""A command that is interrupted or killed at any moment leaves old files whole, and nobody behind.

`make hostile` asks each command its question to the end once, and strikes it at moments of that
time; the usual tests strike each in its first second, where everything is still being imported.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from costmodel.cli.main import available
from tests.hostile.mutations import LONG
from tests.hostile.questions import QUESTIONS, TREE, furnish, half_written

INTERRUPTED, KILLED = (8, 4) if LONG else (1, 0)
OF_RUN = (20, 25) if LONG else (2, 2)
"""Moments of each command, and of ``run``, at which it is interrupted and killed."""
MARK = "COSTMODEL_STRUCK"
SOON = 5.0
"""Seconds in which all processes of a command are gone, on a machine that does much else."""


def started(command: str, folder: Path, mark: str) -> subprocess.Popen[str]:
    """Ask a command its question, in a process group of its own that Ctrl-C reaches."""
    return subprocess.Popen(
        [sys.executable, "-m", "costmodel", *shlex.split(QUESTIONS[command])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Shells let what they start in the background ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("signals") / "asked")


@cache
def whole(command: str, folder: Path) -> float:
    """Return the seconds that a question takes; what it writes is there after it."""
    if not LONG and command != "run":
        return 1.0
    for _ in range(2):  # whatever is compiled once is compiled by the first
        begin = time.monotonic()
        with started(command, folder, "whole") as asked:
            _, err = asked.communicate()
        assert asked.returncode == 0, err
    assert not half_written(folder)
    return time.monotonic() - begin


def left(mark: str) -> Iterator[int]:
    """Yield the processes that a command has started and that are still there."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_its = f"{MARK}={mark}\0".encode() in (process / "environ").read_bytes()
        except OSError:  # it is gone, or another user's
            continue
        if is_its:
            yield int(process.name)


def struck(command: str, folder: Path, number: int, sent: signal.Signals) -> tuple[int, str]:
    """Return exit code and stderr of a command that gets a signal at a moment of its life.

    Every second time only its first process gets it, as from ``kill``, else all, as at a terminal.
    Processes of it that stay are ended here, and fail the test.
    """
    mark = f"{os.getpid()}-{command}-{number}-{sent}"
    moment = random.Random(mark.partition("-")[2]).uniform(0.0, 1.1)
    seconds = moment * whole(command, folder)
    with started(command, folder, mark) as asked:
        time.sleep(seconds)
        if asked.poll() is None:
            (os.kill if number % 2 else os.killpg)(asked.pid, sent)
        _, err = asked.communicate()
    until = time.monotonic() + SOON
    while (stay := list(left(mark))) and time.monotonic() < until:
        time.sleep(0.01)
    for process in stay:
        os.kill(process, signal.SIGKILL)
    assert not stay
    return asked.returncode, err


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "swept" not in path.parts}


def struck_and_whole(
    command: str, folder: Path, number: int, sent: signal.Signals
) -> tuple[int, str]:
    """Strike a command and return what :func:`struck` does.

    No file may be half-written then, and a command that failed leaves no new one. A kill may come
    when the file is there already: nothing can be done against it.
    """
    skip_without_tree(command)
    whole(command, folder)
    before = files(folder)
    code, err = struck(command, folder, number, sent)
    assert not half_written(folder)
    new = files(folder) - before
    if code == -signal.SIGKILL:
        assert {path.name for path in new} <= set(shlex.split(QUESTIONS[command]))
    else:
        assert not new or code == 0
    return code, err


def moments(of_all: int, of_run: int) -> list[tuple[str, int]]:
    """Return commands and numbers of the moments at which they are struck."""
    return [
        (command, number)
        for command in QUESTIONS
        for number in range(of_run if command == "run" else of_all)
    ]


def skip_without_tree(command: str) -> None:
    if command == "record" and not TREE.exists():
        pytest.skip(f"{TREE}: no kernel tree: COSTMODEL_TREES names the folder")


def test_every_command_is_asked() -> None:
    assert set(QUESTIONS) == set(available())
    assert all(words.split()[0] == command for command, words in QUESTIONS.items())


@pytest.mark.parametrize(("command", "number"), moments(INTERRUPTED, OF_RUN[0]))
def test_an_interrupted_command_leaves_no_trace(command: str, number: int, folder: Path) -> None:
    code, err = struck_and_whole(command, folder, number, signal.SIGINT)
    if "Traceback" in err:
        # Python was still reading the first files; once the first has run nothing of it is heard.
        assert "cli/start.py" not in err
    elif code != 0:
        assert (code, err) in ((130, ""), (-signal.SIGINT, ""))


@pytest.mark.parametrize(("command", "number"), moments(KILLED, OF_RUN[1]))
def test_a_killed_command_leaves_old_files(command: str, number: int, folder: Path) -> None:
    code, _ = struck_and_whole(command, folder, number, signal.SIGKILL)
    assert code in (-signal.SIGKILL, 0)
