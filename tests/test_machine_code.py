"""Compiled functions that are called without numba: the same result, and no wrong call."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from costmodel import jit, machine_code
from costmodel.arrays import Ints
from costmodel.parallel import apart


class Factors(NamedTuple):
    one: int
    other: int


def weigh(values: Ints, table: Ints, factors: Factors, out: Ints) -> None:
    for i in range(len(values)):
        for j in range(table.shape[1]):
            out[i] += values[i] * table[i, j] * factors.one - factors.other


def arguments() -> tuple[Ints, Ints, Factors, Ints]:
    table = np.arange(12, dtype=np.int64).reshape(4, 3)
    return np.arange(4, dtype=np.int64), table, Factors(3, 5), np.zeros(4, np.int64)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not jit.is_compiled():
        pytest.skip("needs numba")
    monkeypatch.setattr(jit, "directory", lambda: tmp_path)
    return tmp_path


def result() -> list[int]:
    """Return what the next process would compute."""
    given = arguments()
    jit.Standalone(weigh, _nrt=False)(*given)
    found: list[int] = given[-1].tolist()
    return found


def test_the_result_is_that_of_python(place: Path) -> None:
    given = arguments()
    weigh(*given)
    assert result() == result() == given[-1].tolist()
    assert len(list(place.glob("*.o"))) == 1


def test_a_process_compiles_its_share_and_the_next_one_goes_on(place: Path) -> None:
    assert not apart(machine_code.ends_within, 1, result)
    (file,) = place.glob("*.o")
    made = file.stat().st_mtime_ns
    assert apart(machine_code.ends_within, 1, result)
    assert file.stat().st_mtime_ns == made


def test_what_numba_cannot_keep_ends_no_process(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process would have to compile it again, and the one after it, without end."""
    import numba

    outside = ctypes.CDLL(None).labs
    outside.argtypes, outside.restype = [ctypes.c_long], ctypes.c_long

    def magnitude(value: int) -> int:
        return int(outside(value))

    absolute: Any = numba.njit(magnitude)
    machine_code.keep(absolute)
    monkeypatch.setattr(machine_code._share, "left", 1)  # and back after the test
    with pytest.warns(numba.NumbaWarning, match="dynamic globals") as told:
        assert machine_code.ends_within(1, lambda: absolute(-3))
    assert len(told) == 1
    assert absolute(-3) == 3


@pytest.mark.parametrize("keep", [0, 10, 40, -1])
def test_a_damaged_file_is_made_again(place: Path, keep: int) -> None:
    whole = result()
    (file,) = place.glob("*.o")
    data = file.read_bytes()
    file.write_bytes(data[:keep])
    assert result() == whole
    assert machine_code.object_code(file) is not None


def test_what_the_code_was_not_made_for_never_reaches_it() -> None:
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    for wrong in (np.zeros((4, 4))[:, 1], fixed, 1.5, None):
        with pytest.raises(TypeError):
            machine_code.in_words([wrong], [])
    forms = {
        machine_code.in_words(each, [])
        for each in (
            [np.zeros(3)],
            [np.zeros(3, np.int64)],
            [np.zeros((3, 1))],
            [1, np.zeros(3)],
            [(1, np.zeros(3))],
        )
    }
    assert len(forms) == 5
