"""Editors check machine files with a schema: it accepts what the loader accepts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tools.pages.machine_schema import machine_schema, machine_schema_text

TOP = Path(__file__).parents[2]
SHIPPED = sorted((TOP / "machines").glob("*.yaml"))


def faults(data: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(machine_schema())
    return [error.json_path for error in validator.iter_errors(data)]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_machines_are_accepted(path: Path) -> None:
    assert faults(read(path)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda m: m["core"].update(widht={"value": 4}), "$.core"),
        (lambda m: m["core"]["width"].update(value=0), "$.core.width.value"),
        (lambda m: m["core"]["width"].pop("source"), "$.core.width"),
        (lambda m: m["core"]["width"].update(kind="guess"), "$.core.width.kind"),
        (
            lambda m: m["core"]["eliminates_moves"].update(value="yes"),
            "$.core.eliminates_moves.value",
        ),
    ],
)
def test_a_fault_is_found_where_it_is(change: Callable[[Any], Any], place: str) -> None:
    machine = read(TOP / "machines" / "ampere-altra.yaml")
    change(machine)
    assert faults(machine) == [place]


def test_the_committed_schema_is_up_to_date() -> None:
    """If this fails: ``make docs``, and look at the difference."""
    committed = (TOP / "docs" / "machine.schema.json").read_text()
    assert json.loads(committed) == json.loads(machine_schema_text())
