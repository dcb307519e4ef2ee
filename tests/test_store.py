"""What was computed before, on disk: damage, concurrency and room."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from costmodel.cli.main import main
from costmodel.store import Store, key_of, the_store


def test_what_was_put_is_there_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.sqlite"
    Store(path).put({"a": [1, 2.5, "x"], "b": None})
    assert Store(path).get(["a", "c"]) == {"a": [1, 2.5, "x"]}
    assert Store(path).size().entries == 2


def test_nothing_is_there_before_anything_was_put(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    assert store.get(["a"]) == {}
    assert store.size().entries == 0
    assert not list(tmp_path.iterdir())


def test_values_not_used_longest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodel.store._AGE_SECONDS", 0.0)
    store = Store(tmp_path / "a.sqlite", limit_bytes=10_000)
    for number in range(20):
        store.put({str(number): Random(number).randbytes(900)})
        store.get(["0"])
    assert store.size().bytes <= 10_000
    assert set(store.get([str(n) for n in range(20)])) >= {"0", "19"}
    assert store.get(["1"]) == {}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(at=3956, byte=32, cut=False)  # another schema
@example(at=4054, byte=128, cut=False)  # SQLite then says what is wrong in no UTF-8
@given(at=st.integers(0, 20_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_never_gives_a_wrong_value(
    tmp_path: Path, at: int, byte: int, cut: bool
) -> None:
    path = tmp_path / "a.sqlite"
    store = Store(path)
    store.clear()
    values = {str(number): [number] * 50 for number in range(20)}
    store.put(values)
    data = bytearray(path.read_bytes())
    at = min(at, len(data) - 1)
    data[at] = byte
    path.write_bytes(data[:at] if cut else data)
    assert all(values[key] == value for key, value in store.get(list(values)).items())
    store.put({"new": 1})
    store.put({"new": 1})  # the first may only find the damage
    assert store.get(["new"]) == {"new": 1}


def test_processes_put_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_put, [(path, first) for first in range(0, 40, 10)]))
    assert Store(path).size().entries == 40


def _put(task: tuple[Path, int]) -> None:
    path, first = task
    for number in range(first, first + 10):
        Store(path).put({str(number): number})


def test_a_place_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "a.sqlite")
    store.put({"a": 1})
    assert store.get(["a"]) == {}


def test_a_place_into_which_one_may_not_look_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    store = Store(tmp_path / "a.sqlite")
    assert (store.get(["a"]), store.size().entries) == ({}, 0)


def test_a_place_is_said_to_keep_values_or_not(tmp_path: Path) -> None:
    damaged = tmp_path / "answers.sqlite"
    damaged.write_text("no database")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    assert Store(damaged).can_keep()
    assert not Store(in_the_way / "answers.sqlite").can_keep()
    assert not Store(None).can_keep()


def test_warming_a_place_that_cannot_be_written_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path / "file"))

    assert main(["cache", "--warm"]) == 2
    assert "--warm: nothing can be kept there" in capsys.readouterr().err


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE", "off")
    assert the_store().path is None
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path))
    assert the_store().path == tmp_path / "answers.sqlite"
    monkeypatch.delenv("COSTMODEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert the_store().path == tmp_path / "costmodel" / "answers.sqlite"


def test_a_key_is_of_every_part() -> None:
    assert len({key_of("a", "b"), key_of("ab"), key_of("a"), key_of("a", "b", "")}) == 4
