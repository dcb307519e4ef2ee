"""Keeps what was used last, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteCache(Generic[T]):
    """Values by key; when they exceed ``limit_bytes`` together, those not used longest go."""

    def __init__(self, limit_bytes: int, size_of: Callable[[T], int]) -> None:
        """Start empty; ``size_of`` tells the bytes of a value."""
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._size_of = size_of
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of ``key``, made if it is not there."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        self.bytes += self._size_of(value)
        while self.bytes > self.limit_bytes and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self.bytes -= self._size_of(oldest)
        return value

    def __len__(self) -> int:
        """Return the number of values kept."""
        return len(self._values)
