"""Values that are dear to make: once for all processes, and only where they can know the value."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import disk_cache
from costmodel.byte_cache import ByteCache
from costmodel.disk_cache import kept_on_disk
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
    disk_cache.memory_only()
    assert kept_on_disk(("a program", 1), lambda: 42) == 42
    assert the_store().size().entries == 0
