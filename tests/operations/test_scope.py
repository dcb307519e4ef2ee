"""The page on what is in scope knows the operations that there are."""

from __future__ import annotations

from pathlib import Path

from costmodel.operations.registry import operation_names

PAGE = Path(__file__).parents[2] / "docs" / "scope.md"


def test_every_operation_is_in_scope_and_none_of_them_out() -> None:
    lines = PAGE.read_text().splitlines()
    (row,) = (line for line in lines if line.startswith("| operation |"))
    inside, outside = (text.lower() for text in row.split("|")[2:4])
    for name in operation_names():
        assert name in inside and name not in outside
