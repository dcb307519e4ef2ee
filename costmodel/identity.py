"""Objects as keys of mappings by their identity, not by their content."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class ByIdentity(Generic[T]):
    """An object as a key by its identity.

    To hash all numbers of a machine would take longer than a prediction.
    """

    def __init__(self, value: T) -> None:
        """Keep the object in ``value``."""
        self.value = value

    def __hash__(self) -> int:
        """Return a hash of the object's identity."""
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same object."""
        return isinstance(other, ByIdentity) and other.value is self.value
