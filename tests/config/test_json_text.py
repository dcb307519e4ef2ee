"""JSON files are read strictly, and faults say where in the text a value stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.config.errors import ConfigError
from costmodel.config.json_text import PlacedJson, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "given.json"
    path.write_text(text)
    return path


def locations(
    data: Any, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield at, data
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from locations(value, (*at, key))


@given(st.dictionaries(st.text(max_size=3), VALUES), st.sampled_from([None, 0, 3]))
def test_the_place_of_a_value_is_where_its_text_begins(data: Any, indent: int | None) -> None:
    text = json.dumps(data, indent=indent)
    placed = PlacedJson("given.json", data, text=text)
    for at, value in locations(data):
        fault = placed.fault(at, "is wrong", "")
        rest = "\n".join(text.split("\n")[fault.line - 1 :])[fault.col - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == value


def test_what_the_text_does_not_have_is_at_what_is_around_it() -> None:
    data = {"cells": [{"order": 9}]}
    placed = PlacedJson("given.json", data, text='{"cells":\n  [{"order": 9}]}')
    fault = placed.fault(("cells", 0, "state", "name"), "is missing", "")
    assert (fault.line, fault.col) == (2, 4)
    assert str(fault).startswith("given.json:2:4: cells[0].state.name: is missing")


def test_a_number_that_is_a_key_is_found(tmp_path: Path) -> None:
    placed = read_json(written(tmp_path, '{"orders": {"9": true}}'))
    assert placed.fault(("orders", 9), "is wrong", "").col == 18


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ":1:2: is no JSON: Expecting property name"),
        ('{"a": 1,\n "b" 2}', ":2:6: is no JSON: Expecting ':'"),
        ("[1]", ":1:1: must be a JSON object (got a list"),
        ('{"a": NaN}', "is no JSON: NaN is no number"),
        ('{"a": {"b": 1, "b": 2}}', "is no JSON: the key 'b' stands twice in one object"),
        ('{"a":' + "[" * 100_000, "is nested too deeply"),
        (f'{{"a": {"9" * 5000}}}', "is no JSON: Exceeds the limit"),
    ],
)
def test_what_is_no_object_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_json(written(tmp_path, text))
    (fault,) = raised.value.faults
    assert message in str(fault) and str(tmp_path) in str(fault)


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ConfigError, match="is no JSON: 'utf-8' codec"):
        read_json(path)
