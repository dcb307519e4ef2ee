"""A group of rows that stands for many executions, and its place in a program."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.code.trace import Repeat
from costmodel.cpu import columns as c
from costmodel.cpu.group import Group
from costmodel.cpu.repeats import UnsteadyError, executed, growing, over_all
from costmodel.cpu.reuse import touches

ROWS = 4
REPEAT = Repeat(first=12, rows=ROWS, times=5, before=2)
"""Rows 4 to 11 are the two groups before it, 16 to 19 the one behind."""


def test_what_is_executed_again_comes_again() -> None:
    rows = np.array([1, 12, 14, 17])
    assert executed(rows, None).tolist() == [0, 1, 2, 3]
    assert rows[executed(rows, REPEAT)].tolist() == [1, *[12, 14] * 5, 17]


def test_lines_of_left_out_executions_lie_between_what_is_before_and_behind() -> None:
    """Every group touches a new line; lines 90 and 91 were touched before the loop."""
    row = np.array([0, 1, 4, 8, 12, 13, 16, 20])
    line = np.array([90, 91, 1, 2, 3, 91, 4, 90])
    found = touches(row, line)
    whole = over_all(found, REPEAT)
    assert found.distance.tolist() == [-1, -1, -1, -1, -1, 3, -1, 5]
    # Four executions are left out, each with a line of its own.
    assert whole.distance.tolist() == [-1, -1, -1, -1, -1, 3, -1, 5 + 4]
    assert growing(found, REPEAT).tolist() == [0, 0, 0, 0, 0, 1, 0, 0]


def code_of(groups: int) -> c.Code:
    """Return some rows, groups that are equal, and some more rows."""
    code = np.zeros((4 + groups * ROWS + 4, c.COLUMNS), np.int16)
    code[:4, c.OP] = [10, 11, 12, 13]
    code[4 : 4 + groups * ROWS, c.OP] = np.tile([1, 2, 3, 4], groups)
    code[-4:, c.OP] = [14, 15, 16, 17]
    return code


PARTS = np.array([[0, 12, 1, 0], [12, 8, 1, 1], [20, 4, 1, 2]])
"""Before the repeat, the repeat with the group behind, the rest; each a segment."""


def test_the_repeat_becomes_a_loop_with_the_group_behind_it() -> None:
    code = code_of(4)
    found, parts = Group(first=12, rows=ROWS, times=5).repeated(code, PARTS, None)
    assert parts[[0, 2]].tolist() == PARTS[[0, 2]].tolist()
    first, rows, groups, segment = parts[1].tolist()
    assert (rows, groups, segment) == (ROWS, 6, 1)
    assert np.array_equal(found[first : first + rows], code[12:16])


def test_halves_that_are_equal_are_smaller_turns() -> None:
    code = code_of(4)
    code[4:20, c.OP] = 7
    _, parts = Group(first=12, rows=ROWS, times=5).repeated(code, PARTS, None)
    assert parts[1, 1:].tolist() == [1, 6 * ROWS, 1]


def test_classes_that_change_on_the_way_make_loops_of_their_own() -> None:
    code = code_of(4)
    row = np.array([13])
    code[13, c.CLASS], code[17, c.CLASS] = 1, 2
    later = row, np.array([[1], [1], [2], [2]], np.int32)
    found, parts = Group(first=12, rows=ROWS, times=5).repeated(code, PARTS, later)
    loops = [
        (int(found[first + 1, c.CLASS]), groups) for first, _, groups, _ in parts[1:3].tolist()
    ]
    assert loops == [(1, 3), (2, 3)]


def test_executions_that_differ_are_no_repeat() -> None:
    code = code_of(4)
    code[18, c.INPUT] = 3
    with pytest.raises(UnsteadyError):
        Group(first=12, rows=ROWS, times=5).repeated(code, PARTS, None)
