"""Makes the JSON schema of machine files, by which editors complete and check their keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from costmodel.config.keys import RETIRED, Leaf, branches, leaves
from costmodel.config.machine import Machine
from costmodel.config.parameter import SIZE_KEYS, Choice
from costmodel.files import json_text, write_text
from tools.pages.reference import docstrings

_SIZE: Final = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9.]+ ?[KMGT]iB$"}]
}


def machine_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a machine file.

    It accepts more than the loader does: it does not know which keys an instruction set needs, nor
    that ``low <= value <= high`` must hold. Descriptions and bounds are those of
    docs/machine-file.md.
    """
    schema = Machine.model_json_schema()
    groups: list[type[BaseModel]] = [Machine, *(group for _, group in branches(Machine))]
    for group in groups:
        properties = _properties(schema, group.__name__)
        texts = docstrings(group)
        for name, found in properties.items():
            found.pop("default", None)
            if name in texts:
                found["description"] = texts[name]
        for leaf in leaves(group):
            if "." not in leaf.key:
                properties[leaf.key] = _parameter(leaf, properties[leaf.key].get("description", ""))
    for key, instead in RETIRED.items():
        outer, _, name = key.partition(".")
        known = _properties(schema, outer.capitalize())
        known[name] = {"deprecated": True, "description": f"No longer read: {instead}."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def machine_schema_text() -> str:
    """Return the text of docs/machine.schema.json."""
    return json_text(machine_schema())


def _properties(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"].get(name, schema)["properties"]
    return found


def _parameter(leaf: Leaf, description: str) -> dict[str, Any]:
    """Return the schema of one number or choice, with its physical bounds."""
    texts = {
        "kind": {"enum": ["vendor", "measured", "derived", "inferred", "fitted"]},
        "source": {"type": "string", "minLength": 1},
    }
    names = ["value"] if issubclass(leaf.type, Choice) else ["value", "low", "high"]
    values = {name: dict(_value(leaf)) for name in names}
    return {
        "type": "object",
        "description": description + (f" ({leaf.isa} only)" if leaf.isa else ""),
        "properties": {**values, **texts},
        "required": [*names, *texts],
        "additionalProperties": False,
    }


def _value(leaf: Leaf) -> dict[str, Any]:
    if issubclass(leaf.type, Choice):
        found: dict[str, Any] = leaf.type.model_json_schema()["properties"]["value"]
        return {key: value for key, value in found.items() if key in ("type", "enum", "const")}
    if leaf.key.endswith(SIZE_KEYS):
        return _SIZE
    whole = leaf.type.model_fields["value"].annotation is int
    bounds = (
        {} if leaf.bounds is None else {"minimum": leaf.bounds.low, "maximum": leaf.bounds.high}
    )
    return {"type": "integer" if whole else "number", **bounds}


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), machine_schema_text())
