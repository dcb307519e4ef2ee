"""Whatever a strategy does: one line with its place, exit status 2, and never a wrong answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.code import yields
from costmodel.user_code import process
from costmodel.user_code.limits import Limits

from .hostile import HOSTILE, Hostile

RUN = ["run", "--machine", "xeon-4210r", "--set", "memory=64 KiB", "--no-noise", "--jobs", "1"]


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up soon; what is too slow for it here is a few milliseconds of work."""
    limits = Limits(cpu_seconds=0.5, wall_seconds=20.0, memory_bytes=128 << 20)
    monkeypatch.setattr(process, "LIMITS", limits)
    monkeypatch.setattr(yields, "MAX_STEPS", 20_000)


def refused(words: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused; return its one fault, which may be wrapped."""
    assert main(words) == 2
    out, err = capfd.readouterr()
    first, *rest = err.splitlines()
    assert out == "" and all(line.startswith("  ") for line in rest), err
    return " ".join([first, *(line[2:] for line in rest)]) + "\n"


def write(hostile: Hostile, folder: Path) -> str:
    """Write the file of a strategy in a folder whose name must not confuse anybody."""
    path = folder / "mm" / "kernel" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(hostile.text)
    return f"{path}:f"


@pytest.mark.parametrize("name", HOSTILE)
def test_run(
    name: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "sleep" in name or "waits" in name:
        limits = Limits(cpu_seconds=0.5, wall_seconds=0.5, memory_bytes=128 << 20)
        monkeypatch.setattr(process, "LIMITS", limits)
    hostile = HOSTILE[name]
    line = refused([*RUN, "--strategy", write(hostile, tmp_path)], capfd)
    assert hostile.says in line
    assert f"{tmp_path}/mm/kernel/mine.py" in line
    if hostile.line:
        assert f"mine.py:{hostile.line}:0: strategy: " in line


CHECKED = [
    "raises",
    "raises a class of its own",
    "raises without a text",
    "exits",
    "leaves",
    "never yields",
    "never ends, catches all",
    "loops at import",
    "eats memory at once",
    "swallows the end",
    "takes nothing",
    "imports nothing",
    "an edit of another operation's event",
    "an edit of nobody's event",
]


SAID_BY_CHECK = {"swallows the end": "does not end: 196000 steps"}
LAYOUT = ", on layout 'adjacent order-4 folios'"


@pytest.mark.parametrize("name", CHECKED)
def test_check(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An error of the user's code is no broken guarantee: ``check`` says what ``run`` says."""
    hostile = HOSTILE[name]
    line = refused(["check", write(hostile, tmp_path), "--layouts", "0"], capfd)
    assert SAID_BY_CHECK.get(name, hostile.says) in line.replace(LAYOUT, "")
    if hostile.line and "import" not in name:
        assert f"mine.py:{hostile.line}:0: strategy: " in line
