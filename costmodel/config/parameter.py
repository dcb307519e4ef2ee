"""A number of a machine: its value, its interval, and where it comes from; groups of numbers.

The docstrings of groups and of their fields are the text of docs/machine-file.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from costmodel.config.schema import STRICT, Problem, raise_problems
from costmodel.config.sizes import Size

Isa = Literal["arm64", "x86_64"]
Kind = Literal["vendor", "measured", "derived", "inferred", "fitted"]
"""How a value is known: from a document of the maker (vendor), measured on this part or a sibling,
derived by arithmetic on measurements, inferred by reasoning without data, or fitted by ``costmodel
calibrate``."""

T = TypeVar("T")
N = TypeVar("N", int, float)


class Parameter(BaseModel, Generic[N]):
    """A number with its interval: ``low <= value <= high``."""

    model_config = STRICT

    value: N
    """What the model uses."""
    low: N
    """The smallest value that the source allows."""
    high: N
    """The largest value that the source allows."""
    kind: Kind
    """How the value is known."""
    source: Annotated[str, Field(min_length=1)]
    """Where the value comes from, so that a reader can look it up."""

    @model_validator(mode="after")
    def _in_its_interval(self) -> Parameter[N]:
        if self.low > self.high:
            raise_problems(
                "parameter", [(("low",), f"must not be above high, {self.high}", self.low)]
            )
        if not self.low <= self.value <= self.high:
            reason = f"must lie between low and high, {self.low} and {self.high}"
            raise_problems("parameter", [(("value",), reason, self.value)])
        return self


class Choice(BaseModel, Generic[T]):
    """A property of a machine that is no number: yes or no, or a name."""

    model_config = STRICT

    value: T
    """What the model uses."""
    kind: Kind
    """How the value is known."""
    source: Annotated[str, Field(min_length=1)]
    """Where the value comes from, so that a reader can look it up."""

    @property
    def low(self) -> T:
        """The value itself, because a choice has no interval."""
        return self.value

    @property
    def high(self) -> T:
        """The value itself, because a choice has no interval."""
        return self.value


ParameterLike = Parameter[Any] | Choice[Any]
"""A number or a choice: both have value, low, high, kind and source."""


@dataclass(frozen=True)
class Bounds:
    """What is physically possible for a parameter, whatever its source says; both ends included."""

    low: float
    high: float

    def problems(self, parameter: Parameter[Any]) -> Iterator[Problem]:
        """Yield a problem for each number of a parameter that lies outside."""
        for name in ("value", "low", "high"):
            number = getattr(parameter, name)
            if not self.low <= number <= self.high:
                yield (name,), f"must lie between {self.low} and {self.high}", number

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic check the parameter that this annotates."""

        def inside(parameter: Parameter[Any]) -> Parameter[Any]:
            raise_problems("parameter", self.problems(parameter))
            return parameter

        return core_schema.no_info_after_validator_function(inside, handler(source))


@dataclass(frozen=True)
class Only:
    """Marks a parameter that exists on one instruction set and must be left out on the other."""

    isa: Isa
    optional: bool = False
    """Whether it may be left out on its own instruction set too."""


ARM64 = Only("arm64")
X86_64 = Only("x86_64")
ARM64_MAYBE = Only("arm64", optional=True)
X86_64_MAYBE = Only("x86_64", optional=True)

_UNUSED: dict[str, Any] = {"kind": "inferred", "source": "not used on this instruction set"}
NO_NUMBER = Parameter[float](value=0.0, low=0.0, high=0.0, **_UNUSED)
"""The value of a number that the machine's instruction set does not have."""
_NOT_STATED: dict[str, Any] = {"kind": "inferred", "source": "not stated: no such limit"}


def no_limit(count: int) -> Parameter[int]:
    """Return the default of a limit that a machine file does not state: too large to matter."""
    return Parameter[int](value=count, low=count, high=count, **_NOT_STATED)


def no_cost() -> Parameter[float]:
    """Return the default of a cost that a machine file does not state: 0."""
    return Parameter[float](value=0.0, low=0.0, high=0.0, **_NOT_STATED)


def usual(value: float, low: float, high: float, why: str) -> Parameter[float]:
    """Return the default of a number that a machine file does not state; ``why`` is its source."""
    source = f"not stated: {why}"
    return Parameter[float](value=value, low=low, high=high, kind="inferred", source=source)


def usual_count(value: int, low: int, high: int, why: str) -> Parameter[int]:
    """Return the default of a count that a machine file does not state; ``why`` is its source."""
    source = f"not stated: {why}"
    return Parameter[int](value=value, low=low, high=high, kind="inferred", source=source)


def assumed(value: bool) -> Choice[bool]:
    """Return the default of a property that a machine file does not state."""
    return Choice[bool](value=value, kind="inferred", source="not stated: assumed")


NO_FLAG = Choice[bool](value=False, **_UNUSED)
"""The value of a property that the machine's instruction set does not have."""


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
