"""Where machine code lies, and that old code goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from costmodel import jit


def test_a_directory_is_made_once_and_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    directory = jit.cache_directory()
    assert directory == tmp_path / f"numba-{jit.sources_digest()}"
    assert "compiling" in capsys.readouterr().err
    assert jit.cache_directory() == directory
    assert capsys.readouterr().err == ""


def test_old_directories_go_when_a_new_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in range(6):
        old = tmp_path / f"numba-{age}"
        old.mkdir()
        os.utime(old, (1000 - age, 1000 - age))
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    directory = jit.cache_directory()
    assert directory is not None
    left = {"numba-0", "numba-1", "numba-2", "other", directory.name}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_package_that_cannot_be_written_uses_the_cache_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.write_text("a file: nothing can be made in it")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "_PACKAGE", package)
    directory = jit.cache_directory()
    assert directory is not None
    assert directory.parent == tmp_path / "cache" / "costmodel"
    monkeypatch.setenv("XDG_CACHE_HOME", str(package))
    assert jit.cache_directory() is None
