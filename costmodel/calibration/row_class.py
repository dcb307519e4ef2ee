"""Classes of published numbers, each of which has its own accuracy and limit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from costmodel.config.yaml_text import shipped
from costmodel.operations.registry import DEFAULT


class Measure(StrEnum):
    """What a published number measures."""

    ABSOLUTE = "absolute time"
    ORDER_0 = "order-0 change"
    BATCH = "change, order >= 2"
    STORM = "storm"
    REPORTED_TIME = "reported time"
    REPORTED_CHANGE = "reported change"
    THROUGHPUT = "throughput"
    THROUGHPUT_CHANGE = "change of throughput"

    @property
    def is_time(self) -> bool:
        """Whether it is a time, not a change."""
        return self in (Measure.ABSOLUTE, Measure.REPORTED_TIME)

    @property
    def is_relative(self) -> bool:
        """Whether errors are in percent of the value (of a change, of the ratio of the times);
        otherwise they are percentage points.
        """
        return self in (Measure.ABSOLUTE, Measure.THROUGHPUT, Measure.REPORTED_CHANGE) or (
            self.is_factor
        )

    @property
    def is_factor(self) -> bool:
        """Whether it is compared by the factor between both, which is equal in both directions."""
        return self in (Measure.STORM, Measure.REPORTED_TIME)


@dataclass(frozen=True)
class RowClass:
    """A kind of number for one operation; tables name the operation unless it is the default."""

    measure: Measure
    operation: str = DEFAULT

    @classmethod
    def named(cls, text: object) -> object:
        """Return the class that a text names, such as ``zap: storm``; anything else as it is.

        Raises ValueError for a measure that does not exist.
        """
        if not isinstance(text, str):
            return text
        operation, colon, measure = text.partition(": ")
        return cls(Measure(measure), operation) if colon else cls(Measure(text))

    def __str__(self) -> str:
        """Return the name: ``storm``, ``zap: absolute time``."""
        return prefixed(self.operation, self.measure)


def prefixed(operation: str, text: str) -> str:
    """Return ``zap: text``; for the default operation the text alone."""
    return text if operation == DEFAULT else f"{operation}: {text}"


def limit_of(row_class: RowClass, machine: str) -> float:
    """Return the limit of errors of a class on a machine, from ``limits.yaml``."""
    known = _limits()
    name = str(row_class)
    of_class = known["classes"].get(name, known["classes"][row_class.measure.value])
    return known.get(machine, {}).get(name, of_class)


@cache
def _limits() -> dict[str, dict[str, float]]:
    """Return the limits by class: for all machines (``classes``), and by machine."""
    loaded = shipped("costmodel.calibration", "limits.yaml")
    return {"classes": loaded["classes"], **loaded["machines"]}
