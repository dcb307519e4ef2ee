"""Values that are dear to make: once for all processes, and only where they can know the value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from costmodel import disk_cache
from costmodel.disk_cache import ByteCache, kept_on_disk
from costmodel.store import the_store


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Use an empty store; return where tests note what they make."""
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(disk_cache._made, "values", 0)
    new_process(monkeypatch)
    return []


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what is in memory, as the next process does not know it."""
    monkeypatch.setattr(disk_cache, "kept", ByteCache(1 << 20).get)


def test_the_next_process_finds_the_value(made: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> int:
        made.append(1)
        return 42

    for key in (("a trace", 1), ("a trace", 1), ("a trace", 2)):
        assert kept_on_disk(key, make) == 42
    assert len(made) == 2
    new_process(monkeypatch)
    assert kept_on_disk(("a trace", 2), make) == 42
    assert len(made) == 2


def test_what_no_text_names_stays_in_this_process(
    made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repr of an object may be that of another object in another process."""
    key = object(), "kinds"
    assert kept_on_disk(key, lambda: 1) == kept_on_disk(key, lambda: 2) == 1
    new_process(monkeypatch)
    assert kept_on_disk(key, lambda: 3) == 3
    assert the_store().size().entries == 0


def test_a_study_does_not_drive_out_what_questions_need(
    made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "MOST", 5)
    for number in range(20):
        assert kept_on_disk(("a program", number), lambda number=number: number) == number  # type: ignore[misc]
    new_process(monkeypatch)
    monkeypatch.setattr(disk_cache._made, "values", 0)
    monkeypatch.setattr(disk_cache, "MOST", 100)
    found = [kept_on_disk(("a program", number), lambda: -1) for number in range(20)]
    assert found == [0, 1, 2, 3, 4, *[-1] * 15]


def test_a_process_can_leave_the_store_alone(made: list[int]) -> None:
    with disk_cache.memory_only():
        assert kept_on_disk(("a program", 1), lambda: 42) == 42
    assert the_store().size().entries == 0
    kept_on_disk(("a program", 2), lambda: 43)
    assert the_store().size().entries == 1, "afterwards it is as before"


def test_a_process_of_a_study_keeps_less_in_memory() -> None:
    usual = disk_cache._kept.limit_bytes
    with disk_cache.memory_only():
        for number in range(6):
            disk_cache.kept(("test", number), lambda: np.zeros(10 << 20, np.uint8))
        assert disk_cache._kept.bytes <= disk_cache.STUDY_BYTES < usual
    assert disk_cache._kept.limit_bytes == usual
    disk_cache.forget()


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
