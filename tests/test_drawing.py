"""The drawing of docs/design.md has the lines that ``make lint`` checks, in the same order."""

from __future__ import annotations

import tomllib
from pathlib import Path

from costmodel.operations.registry import operation_names

TOP = Path(__file__).parents[1]
NAMES_FROM = 48
"""The column of the drawing in which names of files and folders begin."""


def drawn() -> list[str]:
    """Return the names in the drawing as modules, from top to bottom."""
    text = (TOP / "docs/design.md").read_text()
    lines = text.partition("## Flow")[2].partition("Data flow in one direction")[0].splitlines()
    names = [name for line in lines for name in line[NAMES_FROM:].split()]
    return [name.removesuffix(".py").strip("/").replace("/", ".") for name in names]


def test_the_drawing_has_the_lines_that_are_checked() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    names = drawn()
    for layer in reversed(layers):
        together = layer.split(" | ")
        assert sorted(names[: len(together)]) == sorted(together)
        del names[: len(together)]
    assert names == []


def test_the_drawing_has_every_module_and_folder_of_the_package() -> None:
    package = TOP / "costmodel"
    files = {file.stem for file in package.glob("*.py")} - {"__init__"}
    folders = {file.parent.name for file in package.glob("*/__init__.py")}
    assert {name.partition(".")[0] for name in drawn()} == files | folders


def test_the_drawing_has_every_operation() -> None:
    names = {name for name in drawn() if name.startswith("operations.")}
    assert names >= {f"operations.{name}" for name in operation_names()}
