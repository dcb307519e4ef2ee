"""The pictures of the docs are what ``make docs`` draws today."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from costmodel.cli.main import main

TOP = Path(__file__).parents[2]
DRAWN = re.findall(
    r"^\t\$\(BIN\)/costmodel (plot .*) -o (docs/\S+\.svg)$", (TOP / "Makefile").read_text(), re.M
)
IDENTITY = re.compile(r"\b[a-zA-Z][0-9a-f]{10}\b")
"""Names of clips and markers, which follow from the last digit of coordinates."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PIXEL = 1.0
"""In points, of 432 a picture is wide: what another CPU rounds otherwise is far below."""


def test_every_picture_is_drawn_by_make_docs() -> None:
    assert {path for _, path in DRAWN} == {
        f"docs/{path.name}" for path in (TOP / "docs").glob("*.svg")
    }


@pytest.mark.parametrize(("command", "path"), DRAWN)
def test_a_picture_is_what_its_command_draws(command: str, path: str, tmp_path: Path) -> None:
    new = tmp_path / "new.svg"
    assert main([*shlex.split(command), "-o", str(new)]) == 0
    one, other = (IDENTITY.sub("", each.read_text()) for each in (TOP / path, new))
    assert NUMBER.split(one) == NUMBER.split(other)
    numbers, others = ([float(n) for n in NUMBER.findall(text)] for text in (one, other))
    assert numbers == pytest.approx(others, abs=PIXEL)
