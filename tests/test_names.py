"""A public class or function name means one thing in the whole package."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import costmodel

PACKAGE = Path(costmodel.__file__).parent
INTERFACES = {"main", "add_parser", "run"}
"""What every command, and every engine of the CPU model, has."""
ALIKE = (
    {
        "operations/fork",
        "operations/zap",
        "operations/mprotect",
        "operations/mremap",
        "operations/spawn",
    },
    {"measure/kernels"},
    {"measure/readings"},
)
"""Folders whose files do the same for another operation, instruction set or part of a machine."""


def definitions() -> Iterator[tuple[str, str]]:
    """Yield the name and the file of each public class and function at the top of a module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                yield node.name, path.relative_to(PACKAGE).as_posix()


def are_alike(files: set[str]) -> bool:
    """Tell whether files are counterparts of each other."""
    folders = {file.rpartition("/")[0] for file in files}
    return any(folders <= alike for alike in ALIKE)


def test_a_public_name_is_defined_once() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for name, file in definitions():
        found[name].add(file)
    twice = {name: files for name, files in found.items() if len(files) > 1}
    wrong = {
        name: sorted(files)
        for name, files in twice.items()
        if name not in INTERFACES and not are_alike(files)
    }
    assert not wrong, "give these another name"
