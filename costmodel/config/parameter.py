"""One number of a machine: its value, what it may be, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from costmodel.config.schema import STRICT, Problem, raise_problems

Isa = Literal["arm64", "x86_64"]
Kind = Literal["vendor", "measured", "derived", "inferred", "fitted"]
"""vendor: a document of the maker; measured: on this part or a sibling; derived: arithmetic on
measurements; inferred: reasoning without data; fitted: by ``costmodel calibrate``."""

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
    """Where it comes from, for a reader who wants to look it up."""

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
    """A property that is no number: yes or no, or a name."""

    model_config = STRICT

    value: T
    """What the model uses."""
    kind: Kind
    """How the value is known."""
    source: Annotated[str, Field(min_length=1)]
    """Where it comes from, for a reader who wants to look it up."""

    @property
    def low(self) -> T:
        """The value: a choice has no interval."""
        return self.value

    @property
    def high(self) -> T:
        """The value: a choice has no interval."""
        return self.value


ParameterLike = Parameter[Any] | Choice[Any]
"""Whatever has value, low, high, kind and source."""


@dataclass(frozen=True)
class Bounds:
    """What physics allows for a parameter, whatever its source says; both ends included."""

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
    """It may be left out on the first too."""


ARM64 = Only("arm64")
X86_64 = Only("x86_64")
ARM64_MAYBE = Only("arm64", optional=True)
X86_64_MAYBE = Only("x86_64", optional=True)

_UNUSED: dict[str, Any] = {"kind": "inferred", "source": "not used on this instruction set"}
NO_NUMBER = Parameter[float](value=0.0, low=0.0, high=0.0, **_UNUSED)
"""Stands where the instruction set of the machine has no such number."""
_NOT_STATED: dict[str, Any] = {"kind": "inferred", "source": "not stated: no such limit"}


def no_limit(count: int) -> Parameter[int]:
    """Return what stands for a limit that a machine file does not state: too large to matter."""
    return Parameter[int](value=count, low=count, high=count, **_NOT_STATED)


def no_cost() -> Parameter[float]:
    """Return what stands for a price that a machine file does not state: nothing."""
    return Parameter[float](value=0.0, low=0.0, high=0.0, **_NOT_STATED)


_USUAL: dict[str, Any] = {"kind": "inferred", "source": "not stated: usual for server CPUs"}


def usual(value: float, low: float, high: float) -> Parameter[float]:
    """Return what stands for a number that a machine file does not state: what most have."""
    return Parameter[float](value=value, low=low, high=high, **_USUAL)


def usual_count(value: int, low: int, high: int) -> Parameter[int]:
    """Return the same for a count."""
    return Parameter[int](value=value, low=low, high=high, **_USUAL)


def assumed(value: bool) -> Choice[bool]:
    """Return what stands for a property that a machine file does not state."""
    return Choice[bool](value=value, kind="inferred", source="not stated: assumed")


NO_FLAG = Choice[bool](value=False, **_UNUSED)
"""Stands where the instruction set of the machine has no such property."""
