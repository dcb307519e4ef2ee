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


CHECKED = {
    "raises": 1,
    "raises a class of its own": 2,
    "raises without a text": 1,
    "exits": 2,
    "leaves": 2,
    "never yields": 2,
    "never ends, catches all": 2,
    "loops at import": 2,
    "eats memory at once": 1,
    "swallows the end": 1,
    "takes nothing": 2,
    "imports nothing": 2,
    "an edit of another operation's event": 2,
    "an edit of nobody's event": 2,
}
"""What ``check`` answers: 1 where it can draw the table on which the strategy fails, else 2."""


@pytest.mark.parametrize(("name", "status"), CHECKED.items())
def test_check(name: str, status: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hostile = HOSTILE[name]
    words = ["check", write(hostile, tmp_path), "--layouts", "0"]
    if status == 2:
        line = refused(words, capfd)
        assert hostile.says in line
        return
    assert main(words) == 1
    out, err = capfd.readouterr()
    assert "BROKEN" in out
    assert err == ""
    if hostile.line and "raises" in name:
        assert f"(mine.py:{hostile.line})" in out
