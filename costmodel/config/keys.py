"""The dotted keys of machine files, taken from the schema, and those that are no longer read."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from costmodel.config.document import Document, Place
from costmodel.config.errors import Fault
from costmodel.config.parameter import Bounds, Choice, Isa, Only, Parameter


@dataclass(frozen=True)
class Leaf:
    """One parameter of a schema: a number or a choice."""

    key: str
    """Its dotted key, such as ``caches.l1.size_bytes``."""
    type: type[Parameter[Any]] | type[Choice[Any]]
    bounds: Bounds | None
    """What is physically possible; None for a choice."""
    isa: Isa | None
    """The only instruction set that has it; None for both."""


def branches(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the dotted key and the class of every group of a schema.

    Outer groups come before inner ones. Keys begin with ``prefix``.
    """
    for name, info in model.model_fields.items():
        group = _class_of(info)
        if group is not None and not issubclass(group, Parameter | Choice):
            yield prefix + name, group
            yield from branches(group, f"{prefix}{name}.")


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[Leaf]:
    """Yield every parameter of a schema, in the order of its fields; keys begin with ``prefix``."""
    for name, info in model.model_fields.items():
        kind = _class_of(info)
        if kind is None:
            continue
        if issubclass(kind, Parameter | Choice):
            yield _leaf(prefix + name, kind, info)
        else:
            yield from leaves(kind, f"{prefix}{name}.")


@lru_cache
def leaves_by_key(model: type[BaseModel], isa: Isa) -> dict[str, Leaf]:
    """Return the parameters of a schema that an instruction set has, by dotted key.

    They stand in the order of the schema's fields.
    """
    return {leaf.key: leaf for leaf in leaves(model) if leaf.isa in (None, isa)}


def value_at(model: BaseModel, key: str) -> Any:
    """Return the parameter or group of a model that a dotted key names.

    Raises AttributeError where the model has none of this name.
    """
    found: Any = model
    for name in key.split("."):
        found = getattr(found, name)
    return found


def replaced(model: BaseModel, key: str, value: object) -> BaseModel:
    """Return a copy of the model with the value at a dotted key replaced.

    Nothing is validated: the caller has done that.
    """
    name, _, rest = key.partition(".")
    inner = replaced(getattr(model, name), rest, value) if rest else value
    return model.model_copy(update={name: inner})


def _class_of(info: FieldInfo) -> type[BaseModel] | None:
    found = info.annotation
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _leaf(key: str, kind: type[Any], info: FieldInfo) -> Leaf:
    bounds = next((m for m in reversed(info.metadata) if isinstance(m, Bounds)), None)
    only = next((m.isa for m in info.metadata if isinstance(m, Only)), None)
    return Leaf(key, kind, bounds, only)


RETIRED: Final = {
    "noise.build_layout_pct": "the range over recorded builds takes its place",
}
"""Dotted keys, each with a sentence on what replaces it."""


def without_retired(document: Document) -> Document:
    """Return a document without retired keys, and warn of each with its place (FutureWarning)."""
    found = [key for key in RETIRED if _has(document, key)]
    if not found:
        return document
    data = copy.deepcopy(document.data)
    for key in found:
        group, _, name = key.partition(".")
        place = document.keys.get((group, name))
        del data[group][name]
        warn_retired(key, document.file, place)
    return Document(document.file, data, document.keys, document.values, document.faults)


def warn_retired(key: str, file: str, place: Place | None = None) -> None:
    """Warn (FutureWarning) that a key is no longer read.

    ``file`` is a path or the name of an option, ``place`` the line and column of the key.
    """
    line, col = (place.line, place.col) if place else (0, 0)
    said = Fault(file, line, col, key, f"is no longer read, {RETIRED[key]}")
    warnings.warn(str(said), FutureWarning, stacklevel=2)


def _has(document: Document, key: str) -> bool:
    group, _, name = key.partition(".")
    inside = document.data.get(group)
    return isinstance(inside, dict) and name in inside
