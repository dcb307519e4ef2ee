"""What is found out once for each address of an instruction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


class Lookup(dict[int, V]):
    """Values by address; one that is missing is found out and kept."""

    def __init__(self, find: Callable[[int], V]) -> None:
        """Begin without a value; ``find`` returns that of an address."""
        super().__init__()
        self._find = find

    def __missing__(self, address: int) -> V:
        """Find the value of an address, and keep it."""
        self[address] = found = self._find(address)
        return found
