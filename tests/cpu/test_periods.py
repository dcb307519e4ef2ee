"""Loops are found where they are, and only there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.cpu.columns import COLUMNS, Code
from costmodel.cpu.periods import MIN_ROWS, parts


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
