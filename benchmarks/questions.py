"""Single questions at the command line against an earlier tree: CPU time, in turns, as ratios."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from benchmarks.measurement import Measurement, command
from costmodel.store import OFF, VARIABLE

ROOT = Path(__file__).parents[1]
BEFORE = "902f11e"
"""The tree that others are measured against: before answers were kept."""
ROUNDS = 5
_PAIR = ("--machine", "ampere-altra", "--strategy", "folio-batch-v6.9")
_THREAD = ("run", "lkml-fork")


@dataclass(frozen=True)
class Question:
    """Words for ``costmodel``; ``{}`` in them is another number in each round.

    ``target``: the most of the earlier tree's time that it may take. ``kept`` says what is known:
    answers from ``before``, what ``set-up`` leaves, or ``nothing``.
    """

    name: str
    words: Sequence[str]
    target: float | None
    kept: Literal["before", "set-up", "nothing"] = "before"


QUESTIONS = (
    Question("known question", ("run", *_PAIR), 0.2),
    Question("known explanation", ("explain", *_PAIR[1::2]), 0.2),
    Question("thread table, repeated", _THREAD, 0.2),
    Question("thread table, first after set-up", _THREAD, 0.5, kept="set-up"),
    Question("thread table, nothing kept", _THREAD, None, kept="nothing"),
    Question(
        "new number of a known strategy",
        ("run", *_PAIR, "--set", "ampere-altra.caches.l1.latency_cycles=4.0{}"),
        0.6,
    ),
)


def questions() -> Iterator[Measurement]:
    """CPU time of whole commands / that of the tree before, median of rounds in turns."""
    bare = min(command(["-c", "pass"]).cpu_seconds for _ in range(ROUNDS))
    shown = min(command(["-m", "costmodel", "--help"]).cpu_seconds for _ in range(ROUNDS))
    yield Measurement("--help over bare Python, CPU", shown - bare, "s", 0.15)
    with _tree_before() as before, TemporaryDirectory() as directory:
        if before is None:
            print(f"(no commit {BEFORE} here to measure against)")
            return
        for question in QUESTIONS:
            yield _measured(question, before, Path(directory))


def _measured(question: Question, before: Path, stores: Path) -> Measurement:
    """Ask in turns; the first round compiles and keeps, and does not count."""
    pairs = []
    for number in range(ROUNDS + 1):
        words = [word.format(number + 1) for word in question.words]
        took = _cpu_seconds(ROOT, words, _store(question, stores))
        pairs.append((took, _cpu_seconds(before, words, OFF)))
    counted = pairs[1:]
    ratios = [now / then for now, then in counted]
    now, then = (statistics.median(times) for times in zip(*counted, strict=True))
    note = f"{min(ratios):.2f} .. {max(ratios):.2f}; {now:.2f} s against {then:.2f} s"
    return Measurement(question.name, statistics.median(ratios), "x", question.target, note=note)


def _store(question: Question, stores: Path) -> str:
    """Return the place where the present tree finds what it knows."""
    if question.kept == "nothing":
        return OFF
    if question.kept == "before":
        return str(stores / "before")
    made, copy = stores / "made", stores / "copy"
    if not made.exists():
        _cpu_seconds(ROOT, ("cache", "--warm"), str(made))
    shutil.rmtree(copy, ignore_errors=True)
    return str(shutil.copytree(made, copy))


def _cpu_seconds(tree: Path, words: Sequence[str], kept: str) -> float:
    return command(["-m", "costmodel", *words], environment=environment(tree, kept)).cpu_seconds


def environment(tree: Path, kept: str) -> Mapping[str, str]:
    """Return the variables with which Python runs the package of a tree, wherever it is started.

    Without the second, Python would look into the present directory first: as a rule this tree.
    """
    path = os.pathsep.join(filter(None, [str(tree), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", VARIABLE: kept}


@contextmanager
def _tree_before() -> Iterator[Path | None]:
    """Give the files of the commit before; None where it is not there."""
    with TemporaryDirectory() as directory:
        git = ["git", "-C", str(ROOT)]
        archive = subprocess.run([*git, "archive", BEFORE], capture_output=True, check=False)
        if archive.returncode:
            yield None
            return
        subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)
        yield Path(directory)
