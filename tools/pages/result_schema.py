"""Makes the JSON schema of result files, for programs that read them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from costmodel.files import json_text, write_text
from costmodel.results.crowd_records import CrowdRecord, SharedRecord
from costmodel.results.document import LeftOutEntry, Provenance, ResultFile
from costmodel.results.records import CellChangePct, CellSeconds, PublishedPoint, ResultCell
from tools.pages.reference import docstrings

MODELS: Final[tuple[type[BaseModel], ...]] = (
    ResultFile, Provenance, LeftOutEntry, ResultCell, CellSeconds, CellChangePct, PublishedPoint,
    CrowdRecord, SharedRecord,
)  # fmt: skip
"""The models that a result file is made of."""


def result_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a result file.

    It accepts more than the reader of this package does, which refuses numbers that contradict each
    other and cells without their baseline.
    """
    schema = ResultFile.model_json_schema(mode="validation")
    for model in MODELS:
        properties = schema["$defs"].get(model.__name__, schema)["properties"]
        texts = docstrings(model)
        for name, info in model.model_fields.items():
            found = properties[info.alias or name]
            found.pop("title", None)
            if name in texts:
                found["description"] = texts[name]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def result_schema_text() -> str:
    """Return the text of docs/result.schema.json."""
    return json_text(result_schema())


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), result_schema_text())
