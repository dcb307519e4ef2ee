"""The state of the program changes with each of its files, and with nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from costmodel import program_state
from costmodel.program_state import file_state
from costmodel.program_state import program_state as state


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "package/cpu/__pycache__").mkdir(parents=True)
    (tmp_path / "machines").mkdir()
    for name in ("package/a.py", "package/cpu/b.py", "machines/m.yaml"):
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(program_state, "PACKAGE", str(tmp_path / "package"))
    monkeypatch.setattr(program_state, "SHIPPED", (str(tmp_path / "machines"), "/nowhere"))
    return tmp_path


def test_it_stays_while_nothing_changes(package: Path) -> None:
    before = state()
    (package / "package/cpu/__pycache__/b.cpython-311.pyc").write_text("compiled")
    (package / "elsewhere.py").write_text("no part of the program")
    assert state() == before


@pytest.mark.parametrize("name", ["package/a.py", "package/cpu/b.py", "machines/m.yaml"])
def test_it_changes_with_each_file(package: Path, name: str) -> None:
    before = state()
    (package / name).write_text("behind")  # of the same length
    os.utime(package / name, ns=(1, 1))
    written = state()
    (package / name).unlink()
    assert len({before, written, state()}) == 3


def test_a_new_file_counts(package: Path) -> None:
    before = state()
    (package / "package/new.py").write_text("")
    assert state() != before


def test_a_file_that_is_replaced_by_an_equal_one_has_another_state(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        path.write_text("the same")
        os.utime(path, ns=(1, 1))
    before = file_state(old.stat())
    new.replace(old)
    assert file_state(old.stat()) != before


def test_another_version_of_a_package_is_another_state(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    (tmp_path / "yaml.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "yaml")
    assert state() != before
