"""What single questions are measured against: another tree, which must really answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measurement import command
from benchmarks.questions import ROOT, environment
from costmodel.store import OFF


@pytest.mark.parametrize("here", [ROOT, ROOT / "tests"])
def test_the_tree_that_is_named_answers(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a directory with a package of this name Python would take that one."""
    monkeypatch.chdir(here)
    package = tmp_path / "costmodel"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("print('the tree before')")
    answered = command(["-m", "costmodel"], environment=environment(tmp_path, OFF))
    assert answered.output == "the tree before\n"
