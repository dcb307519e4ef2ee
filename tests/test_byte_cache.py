"""What was used last is kept, up to a number of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costmodel.byte_cache import ByteCache

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    one: Bytes
    others: tuple[Any, ...]


def four() -> Bytes:
    return np.zeros(4, np.uint8)


def test_what_was_not_used_longest_goes_first() -> None:
    made: list[str] = []

    def get(key: str) -> Bytes:
        def make() -> Bytes:
            made.append(key)
            return four()

        return cache.get(key, make)

    cache = ByteCache(10)
    assert len(get("a")) == 4
    get("b")
    get("a")
    get("c")  # 12 bytes: "b" goes
    assert (cache.bytes, len(cache)) == (8, 2)
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]


def test_a_single_value_may_be_larger() -> None:
    cache = ByteCache(2)
    first = cache.get("x", four)
    assert cache.get("x", four) is first


def test_shared_arrays_count_once() -> None:
    cache, shared = ByteCache(100), four()
    for key in ("x", "y"):
        cache.get(key, lambda: Pair(shared, (four(), ("no", "array"), 7)))
    assert cache.bytes == 12
    cache.limit_bytes = 11
    cache.get("z", lambda: "nothing")  # "x" goes, and with it what it has alone
    assert (cache.bytes, len(cache)) == (8, 2)
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)


def test_values_made_of_others_are_kept_as_well() -> None:
    cache = ByteCache(100)
    outer = cache.get("outer", lambda: (cache.get("inner", four),))
    assert cache.get("inner", four) is outer[0]
    assert cache.bytes == 4
