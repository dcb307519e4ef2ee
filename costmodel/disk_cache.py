"""Keeps what takes long to make in memory, and in the store on disk for the next process."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeVar

from costmodel.byte_cache import kept
from costmodel.store import key_of, the_store

T = TypeVar("T")

MOST: Final = 400
"""How many values a process makes before it leaves the store alone. A question makes some dozens;
a study of thousands of machines would drive out what all other questions need."""


@dataclass
class _Made:
    """How many values this process made."""

    values: int = 0


_made: Final = _Made()


def memory_only() -> None:
    """Leave the store alone from now on, in this process and in those that it starts by forking."""
    _made.values = MOST


def kept_on_disk(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """Return ``make()``, which is computed once for each ``key`` by all processes together.

    The first part of ``key`` is a text that says all that the value depends on, but for the other
    parts, whose ``repr`` must say what they are. Where it is no text, nobody else can know the
    value, and it is only kept as :func:`costmodel.byte_cache.kept` does. Values must be picklable,
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
