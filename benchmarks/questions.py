"""Single questions at the command line against an earlier tree: CPU time, in turns, as ratios."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

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

    ``target``: the most of the earlier tree's time that it may take. ``known``: it was asked
    before; else nothing is kept.
    """

    name: str
    words: Sequence[str]
    target: float
    known: bool = True


QUESTIONS = (
    Question("known question", ("run", *_PAIR), 0.2),
    Question("known explanation", ("explain", *_PAIR[1::2]), 0.2),
    Question("thread table, repeated", _THREAD, 0.2),
    Question("thread table, nothing kept", _THREAD, 0.5, known=False),
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
    with _tree_before() as before, TemporaryDirectory() as kept:
        if before is None:
            print(f"(no commit {BEFORE} here to measure against)")
            return
        for question in QUESTIONS:
            yield _measured(question, before, kept)


def _measured(question: Question, before: Path, kept: str) -> Measurement:
    """Ask in turns; the first round compiles and keeps, and does not count."""
    pairs = []
    for number in range(ROUNDS + 1):
        words = [word.format(number + 1) for word in question.words]
        took = _cpu_seconds(ROOT, words, kept if question.known else OFF)
        pairs.append((took, _cpu_seconds(before, words, OFF)))
    counted = pairs[1:]
    ratios = [now / then for now, then in counted]
    now, then = (statistics.median(times) for times in zip(*counted, strict=True))
    note = f"{min(ratios):.2f} .. {max(ratios):.2f}; {now:.2f} s against {then:.2f} s"
    return Measurement(question.name, statistics.median(ratios), "x", question.target, note=note)


def _cpu_seconds(tree: Path, words: Sequence[str], kept: str) -> float:
    environment = {"PYTHONPATH": str(tree), VARIABLE: kept}
    return command(["-m", "costmodel", *words], environment=environment).cpu_seconds


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
