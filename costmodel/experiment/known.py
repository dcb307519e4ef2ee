"""Looks up results that were computed before in the store on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from pydantic import BaseModel

from costmodel.experiment.cell import Cell
from costmodel.store import Store, key_of

Values = Mapping[str, Any]
"""The fields of a result by name, all but the cell."""


def result_key(cell: Cell, *, noise: bool, causes: Iterable[str], intervals: bool) -> str | None:
    """Return the key of a result in the store; None where it may not be kept.

    Results of strategies from users, other packages and archives are not kept: their code may do
    something else the next time.
    """
    from costmodel.strategies.resolve import resolve

    strategy = resolve(cell.strategy, operation=cell.workload.operation)
    if strategy.code is not None or strategy.archive is not None:
        return None
    parts = (getattr(cell, each.name) for each in fields(Cell))
    return key_of(
        "result",
        *(p.model_dump_json() if isinstance(p, BaseModel) else json.dumps(p) for p in parts),
        json.dumps([noise, sorted(causes) if noise else [], intervals]),
    )


def known_values(keys: Mapping[int, str], store: Store) -> dict[int, Values]:
    """Return the fields of the results that the store has, by position."""
    found = store.get(list(keys.values()))
    return {position: found[key] for position, key in keys.items() if key in found}
