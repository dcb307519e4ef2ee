"""The core prices memory by what regions say of it, and names no object of the kernel."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import costmodel.cpu
from costmodel.code.regions import LAST_MET, REACHED, LastMet, Reached
from costmodel.code.uops import Target

CORE = sorted(Path(costmodel.cpu.__path__[0]).glob("*.py"))


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_the_core_names_no_target(file: Path) -> None:
    names = {
        node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)
    }
    assert "Target" not in names


def test_what_all_tables_share_is_hot() -> None:
    for target in Target:
        shared = LAST_MET[target] == LastMet.TABLE_BEFORE
        assert shared == (REACHED[target] == Reached.HOT), target.name
