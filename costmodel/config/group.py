"""The base class of the groups in a machine file, and the types of their parameters.

The docstrings of groups and of their fields are the text of docs/machine-file.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, model_validator

from costmodel.config.parameter import Bounds, Choice, Parameter
from costmodel.config.schema import STRICT, Problem, raise_problems
from costmodel.config.sizes import Size

Replacement = Literal["lru", "random", "adaptive"]
"""How a cache replaces lines. With ``lru`` a cyclic stream larger than the cache always misses,
with ``random`` it hits in part; with ``adaptive`` the cache keeps the part of the stream that
fits."""

SIZE_KEYS = ("size_bytes", "linear_map_bytes", "host_page_bytes")
"""Endings of the keys of sizes, which are printed with a unit."""

Flag = Choice[bool]
Policy = Choice[Replacement]
Count = Annotated[Parameter[int], Bounds(1, 4096)]
Bytes = Annotated[Parameter[Size], Bounds(1024, 2**40)]
Cycles = Annotated[Parameter[float], Bounds(0, 2000)]
Nanoseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Microseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Percent = Annotated[Parameter[float], Bounds(0, 50)]


class Group(BaseModel):
    """A group of parameters that belong together; a schema that allows no other keys."""

    model_config = STRICT

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for each contradiction between parameters of the group; here none."""
        yield from ()

    @model_validator(mode="after")
    def _consistent(self) -> Group:
        raise_problems(type(self).__name__, self.problems())
        return self
