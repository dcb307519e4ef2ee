"""Loops are found where they are, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.cpu.columns import COLUMNS, Code
from costmodel.cpu.periods import MIN_ROWS, _told_apart, parts


def code_of(rows: list[int]) -> Code:
    code = np.zeros((len(rows), COLUMNS), np.int16)
    code[:, 0] = rows
    return code


def test_a_loop_between_other_code() -> None:
    body = list(range(MIN_ROWS))
    code = code_of([*range(1000, 1010), *body * 5, *range(2000, 2010)])
    starts = np.array([0, *range(10, 10 + 6 * MIN_ROWS, MIN_ROWS)])
    found = parts(code, starts, np.array([len(code)]))
    assert found.tolist() == [
        [0, 10, 1, 0],
        [10, MIN_ROWS, 5, 0],
        [10 + 5 * MIN_ROWS, 10, 1, 0],
    ]


def test_segments_cut_loops() -> None:
    code = code_of([7] * 4000)
    found = parts(code, np.arange(4000), np.array([1500, 4000]))
    for first, rows, groups, segment in found.tolist():
        assert (first >= 1500) == (segment == 1)
        assert first + rows * groups <= (4000 if segment else 1500)


@pytest.mark.parametrize(
    ("rows", "turns", "groups"),
    [
        (256, 3, [[0, 256, 3, 0]]),
        (255, 6, [[0, 510, 3, 0]]),
        (100, 9, [[0, 300, 3, 0]]),
        (100, 11, [[0, 300, 3, 0], [900, 200, 1, 0]]),
        (100, 8, [[0, 800, 1, 0]]),
        (600, 2, [[0, 1200, 1, 0]]),
    ],
)
def test_a_group_is_as_many_turns_as_make_256_rows_and_three_are_worth_it(
    rows: int, turns: int, groups: list[list[int]]
) -> None:
    code = code_of(list(range(rows)) * turns)
    assert parts(code, np.arange(0, len(code), rows), np.array([len(code)])).tolist() == groups


def test_a_row_that_differs_in_any_column_ends_a_loop() -> None:
    for column in (1, COLUMNS - 1):
        code = code_of([7] * 2000)
        code[1000, column] = 9
        assert parts(code, np.arange(2000), np.array([2000])).tolist() == [
            [0, 256, 3, 0], [768, 233, 1, 0], [1001, 256, 3, 0], [1769, 231, 1, 0],
        ]  # fmt: skip


@pytest.mark.parametrize("cut", [1000, 1500])
def test_a_cut_ends_one_loop_and_begins_another(cut: int) -> None:
    found = parts(code_of([7] * 4000), np.arange(4000), np.array([cut, 4000]))
    before, after = cut // 256, (4000 - cut) // 256
    assert found.tolist() == [
        [0, 256, before, 0],
        [256 * before, cut - 256 * before, 1, 0],
        [cut, 256, after, 1],
        [cut + 256 * after, 4000 - cut - 256 * after, 1, 1],
    ]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=3), min_size=1, max_size=12))
def test_steps_with_one_checksum_are_still_told_apart(steps: list[list[int]]) -> None:
    words = np.ascontiguousarray(code_of([row for step in steps for row in step])).view(np.int64)
    ends = np.cumsum([len(step) for step in steps])
    starts = np.append(0, ends[:-1])
    one = np.zeros(len(steps), np.int64)
    numbers = _told_apart(words, starts, ends, one, np.zeros(1, np.int64)).tolist()
    assert numbers == [list(dict.fromkeys(map(tuple, steps))).index(tuple(s)) for s in steps]


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 60)), max_size=5),
    st.integers(0, 3),
)
def test_parts_cover_every_row_once_and_groups_are_equal(
    loops: list[tuple[int, int, int]], cut: int
) -> None:
    rows = [base + i for base, length, turns in loops for _ in range(turns) for i in range(length)]
    code = code_of(rows)
    ends = np.array(sorted({len(rows) * cut // 4, len(rows)}))
    position = 0
    for first, body, groups, _ in parts(code, np.arange(len(rows)), ends).tolist():
        assert first == position
        position += body * groups
        stretch = code[first:position].reshape(groups, body, COLUMNS)
        assert (stretch == stretch[0]).all()
    assert position == len(rows)
