"""Other programs read result files by a schema: it accepts what is written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from costmodel.files import json_text
from costmodel.results.build import result_file
from tests.results.conftest import made
from tests.results.made import four_strategies
from tools.pages.result_schema import MODELS, result_schema, result_schema_text

DOCS = Path(__file__).parents[2] / "docs"


def faults(data: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(result_schema())
    return [error.json_path for error in validator.iter_errors(data)]


def test_what_is_written_is_accepted() -> None:
    origin = {"version": "1.2.3", "seed": 1, "noise": True}
    assert faults(json.loads(json_text(result_file(made(), origin).data()))) == []
    assert faults(four_strategies()) == []


@pytest.mark.parametrize(
    ("key", "value"), [("ns_per_pte", 0), ("strategy", None), ("seconds", {}), ("cpus", 1.5)]
)
def test_a_fault_is_found_where_it_is(key: str, value: object) -> None:
    data: Any = copy.deepcopy(four_strategies())
    data["cells"][2][key] = value
    assert {place.removeprefix(f"$.cells[2].{key}") for place in faults(data)} == {""}


def test_the_committed_schema_is_up_to_date() -> None:
    """If this fails: ``make docs``, and look at the difference."""
    committed = (DOCS / "result.schema.json").read_text()
    assert json.loads(committed) == json.loads(result_schema_text())


def test_every_key_is_documented() -> None:
    text = (DOCS / "result-json.md").read_text()
    keys = [info.alias or name for model in MODELS for name, info in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in text] == []
