"""Notebooks are stored without output and state no number that the model computes.

They are executed as tests of their own (``--nbmake`` in pyproject.toml).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"\d+(\.\d+)?\s*(%|percent|ns\b|us\b|ms\b|cycles|times)")
"""A number with a unit of what is computed."""


def cells_of(notebook: Path, kind: str) -> list[dict[str, Any]]:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def test_there_are_some() -> None:
    assert [path.name[:3] for path in NOTEBOOKS][:2] == ["01-", "02-"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_stored(notebook: Path) -> None:
    for cell in cells_of(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_leaves_numbers_to_the_code(notebook: Path) -> None:
    for cell in cells_of(notebook, "markdown"):
        text = "".join(cell["source"])
        assert not NUMBER.search(text), f"{cell['id']}: {NUMBER.search(text)}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_reads_like_an_article(notebook: Path) -> None:
    prose = ["".join(cell["source"]) for cell in cells_of(notebook, "markdown")]
    assert prose[0].startswith("# ")
    assert len(prose) >= len(cells_of(notebook, "code")) // 2
    longest = max(len(line) for text in prose for line in text.splitlines())
    assert longest <= 110
