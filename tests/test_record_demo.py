"""The demonstration says in a line why it cannot go on; its change is compiled as the tree is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="needs costmodel[record]")

from costmodel.emulation.tree import MEMORY, read_tree
from tests.emulation.tiny_tree import make_tree
from tools import record_demo
from tools.record_demo import DemoError, changed_object, main, needs


def said(linux: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line of errors."""
    monkeypatch.setattr(sys, "argv", ["record-demo", linux])
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_cannot_be_demonstrated_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.tar.xz").write_text("no archive")
    tree = make_tree(tmp_path / "tree")
    faults = {
        "nowhere": "record-demo: LINUX=nowhere: no such file or folder",
        "empty": f"record-demo: {tmp_path}/empty: holds no mm/memory.c: no kernel source",
        "broken.tar.xz": "record-demo: tar -xf failed: ",
        "tree": f"record-demo: {tree}/mm/memory.c: must hold this line once: if (unlikely(",
    }
    for linux, fault in faults.items():
        assert said(linux, monkeypatch, capsys).startswith(fault)


def test_without_a_source_it_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "apt-get").write_text(
        "#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n"
    )
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(record_demo, "_INSTALLED", tmp_path / "none")
    fault = said("", monkeypatch, capsys)
    assert "Unable to locate package; name a source: make record-demo LINUX=PATH" in fault


def test_all_programs_that_are_missing_come_at_once() -> None:
    with pytest.raises(DemoError, match="needs no-such-make, no-such-tar: not found"):
        needs("no-such-make", "python3", "no-such-tar")


def test_the_tree_is_left_as_it_is(tmp_path: Path) -> None:
    folder = make_tree(tmp_path / "tree")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    made = changed_object(read_tree(folder), tmp_path / "new", "slot += count;", "slot += 1;")
    assert made.read_bytes() != (folder / MEMORY).read_bytes()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
