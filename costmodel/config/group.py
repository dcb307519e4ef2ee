"""What groups of a machine file are made of: their base, and the kinds of their parameters.

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
"""lru: a cyclic stream larger than the cache always misses; random: it hits in part; adaptive:
the cache keeps the part of the stream that fits."""

SIZE_KEYS = ("size_bytes", "linear_map_bytes", "host_page_bytes")
"""How the keys of sizes end: printed with a unit."""

Flag = Choice[bool]
Policy = Choice[Replacement]
Count = Annotated[Parameter[int], Bounds(1, 4096)]
Bytes = Annotated[Parameter[Size], Bounds(1024, 2**40)]
Cycles = Annotated[Parameter[float], Bounds(0, 2000)]
Nanoseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Microseconds = Annotated[Parameter[float], Bounds(0, 1e6)]
Percent = Annotated[Parameter[float], Bounds(0, 50)]


class Group(BaseModel):
    """Parameters that belong together."""

    model_config = STRICT

    def problems(self) -> Iterator[Problem]:
        """Yield what contradicts itself between the parameters of the group."""
        yield from ()

    @model_validator(mode="after")
    def _consistent(self) -> Group:
        raise_problems(type(self).__name__, self.problems())
        return self
