"""Keeps what takes long to make in memory, and in the store on disk for the next process.

The memory keeps the values used last, up to a number of bytes; each process has one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from costmodel.store import key_of, the_store

T = TypeVar("T")

KEPT_BYTES: Final = 64 << 20
"""Limit of what :func:`kept` keeps: enough for the traces of a strategy and their programs."""


STUDY_BYTES: Final = 40 << 20
"""The same in each process of a study: the thread's takes 60 MB less so, and a tenth more time."""


class ByteCache:
    """Values by key. When their arrays exceed ``limit_bytes``, those not used longest are dropped.

    An array that several values share is counted once.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Begin empty."""
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._uses: Counter[int] = Counter()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of ``key``; if it is not kept, call ``make`` for it."""
        if key in self._values:
            self._values.move_to_end(key)
            known: T = self._values[key]
            return known
        value = self._values[key] = make()
        for array in _arrays(value):
            self._uses[id(array)] += 1
            self.bytes += array.nbytes if self._uses[id(array)] == 1 else 0
        while self.bytes > self.limit_bytes and len(self._values) > 1:
            self._forget_oldest()
        return value

    def clear(self) -> None:
        """Drop all values."""
        while self._values:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, oldest = self._values.popitem(last=False)
        for array in _arrays(oldest):
            self._uses[id(array)] -= 1
            if not self._uses[id(array)]:
                del self._uses[id(array)]
                self.bytes -= array.nbytes

    def __len__(self) -> int:
        """Return the number of values kept."""
        return len(self._values)


def _arrays(value: object) -> Iterator[NDArray[Any]]:
    """Yield the arrays in a value: in fields of dataclasses and in tuples, without text arrays."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        # What a value makes when it is asked for (a trace of shipped code) is not there yet.
        there = vars(value) if hasattr(value, "__dict__") else None
        for part in fields(value):
            found = getattr(value, part.name) if there is None else there.get(part.name)
            yield from _arrays(found)
    elif isinstance(value, tuple) and value and not isinstance(value[0], str):
        for part in value:
            yield from _arrays(part)


_kept: Final = ByteCache(KEPT_BYTES)


def forget() -> None:
    """Drop all that this process keeps."""
    _kept.clear()


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """Return ``make()``, which is computed once for each ``key`` as long as there is room.

    The first part of ``key`` says what the value is, or is the ``token`` of the trace that it is
    made from.
    """
    return _kept.get(key, make)


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


MOST: Final = 400
"""How many values a process makes before it leaves the store alone. A question makes some dozens;
a study of thousands of machines would drive out what all other questions need."""


@dataclass
class _Made:
    """How many values this process made."""

    values: int = 0


_made: Final = _Made()


@contextmanager
def memory_only() -> Iterator[None]:
    """Leave the store alone in the block, and keep at most ``STUDY_BYTES`` in memory.

    So do processes that are forked in it.
    """
    before = _made.values, _kept.limit_bytes
    _made.values, _kept.limit_bytes = MOST, STUDY_BYTES
    try:
        yield
    finally:
        _made.values, _kept.limit_bytes = before


def kept_on_disk(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """Return ``make()``, which is computed once for each ``key`` by all processes together.

    The first part of ``key`` is a text that says all that the value depends on, but for the other
    parts, whose ``repr`` must say what they are. Where it is no text, nobody else can know the
    value, and it is only kept as :func:`costmodel.disk_cache.kept` does. Values must be picklable,
    and nobody may change them.
    """
    if not isinstance(key[0], str):
        return kept(key, make)
    return kept(key, lambda: _looked_up(repr(key), make))


def _looked_up(name: str, make: Callable[[], T]) -> T:
    store = the_store()
    if store.path is None or _made.values >= MOST:
        return make()
    key = key_of("made", name)
    found: dict[str, T] = store.get([key])
    if key in found:
        return found[key]
    _made.values += 1
    value = make()
    store.put({key: value})
    return value
