"""The demonstration says in a line why it cannot go on; its change is compiled as the tree is."""

from __future__ import annotations

import os
import sys
import tarfile
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
    (tmp_path / "text").write_text("no archive")
    os.mkfifo(tmp_path / "pipe")
    tree = make_tree(tmp_path / "tree")
    faults = {
        "nowhere": "record-demo: LINUX=nowhere: no such file or folder",
        "empty": f"record-demo: {tmp_path}/empty: holds no mm/memory.c: no kernel source",
        "broken.tar.xz": "record-demo: LINUX=broken.tar.xz: tar -xf failed: ",
        "pipe": "record-demo: LINUX=pipe: neither a folder nor a regular file",
        "/dev/null": "record-demo: LINUX=/dev/null: neither a folder nor a regular file",
        "text": "record-demo: LINUX=text: tar -xf failed: tar: This does not look like a tar",
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


def tarball(path: Path, text: str) -> None:
    """Write a source tarball of which the Makefile says ``text``."""
    (path.parent / "Makefile").write_text(text)
    (path.parent / "last").write_bytes(os.urandom(50_000))
    with tarfile.open(path, "w:xz") as archive:
        for name in ("Makefile", "last"):
            archive.add(path.parent / name, arcname=f"linux/{name}")


def test_each_source_has_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        tarball(tmp_path / f"{name}.tar.xz", name)
    for name in ("one", "two", "one"):
        said(f"{name}.tar.xz", monkeypatch, capsys)
        made = record_demo.OUT / "source" / f"{name}.tar.xz"
        assert (made / "Makefile").read_text() == name


def test_what_broke_off_is_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tarball(tmp_path / "one.tar.xz", "one")
    whole = (tmp_path / "one.tar.xz").read_bytes()
    (tmp_path / "one.tar.xz").write_bytes(whole[:30_000])
    assert "LINUX=one.tar.xz: tar -xf failed: " in said("one.tar.xz", monkeypatch, capsys)
    assert not (record_demo.OUT / "source/one.tar.xz").exists()
    (tmp_path / "one.tar.xz").write_bytes(whole)
    assert "holds no mm/memory.c" in said("one.tar.xz", monkeypatch, capsys)
    assert (record_demo.OUT / "source/one.tar.xz/last").stat().st_size == 50_000


def test_a_package_of_no_source_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dpkg-deb").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "dpkg-deb").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "other.deb").write_text("a package of something else")
    fault = "record-demo: LINUX=other.deb: holds no usr/src/*.tar.xz: no package of a source"
    assert said("other.deb", monkeypatch, capsys) == fault


def test_all_programs_that_are_missing_come_at_once() -> None:
    with pytest.raises(DemoError, match="needs no-such-make, no-such-tar: not found"):
        needs("no-such-make", "python3", "no-such-tar")


def test_the_tree_is_left_as_it_is(tmp_path: Path) -> None:
    folder = make_tree(tmp_path / "tree")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    made = changed_object(read_tree(folder), tmp_path / "new", "slot += count;", "slot += 1;")
    assert made.read_bytes() != (folder / MEMORY).read_bytes()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
