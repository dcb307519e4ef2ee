from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli.main import main

pytest.importorskip("unicorn", reason="needs costmodel[record]")


def failing(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["record", *words]) == 2
    out, err = capsys.readouterr()
    assert not out
    return " ".join(err.split())


def test_a_folder_that_is_no_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = failing(capsys, "--build-tree", str(tmp_path))
    assert "must be a configured kernel build tree: it holds no .config" in error
    error = failing(capsys, "--build-tree", str(tmp_path / "gone"))
    assert "must be a configured kernel build tree: no such folder" in error


def test_something_to_record_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(capsys) == "--build-tree: needed, or --like NAME"


def test_like_needs_an_archive_and_a_new_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "costmodel record writes base.ckb" in failing(capsys, "--like", "base", "--name", "x")


def test_an_archive_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.ckb").write_text("not an archive")
    words = ["run", "--machine", "xeon-4210r", "--strategy", "@wrong"]
    assert main(words) == 2
    assert "is no archive of a recorded build" in capsys.readouterr().err
