"""Sequences of numbers: equal ones, and loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.sequences import loops, numbered


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(-(1 << 62), 1 << 62)))
def test_equal_keys_have_equal_numbers_in_order_of_first_occurrence(keys: list[int]) -> None:
    numbers, first = numbered(np.array(keys, np.int64))
    distinct = list(dict.fromkeys(keys))
    assert [distinct[number] for number in numbers] == keys
    assert [keys[at] for at in first] == distinct


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.integers(10, 20), max_size=5, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True),
    st.integers(3, 9),
    st.lists(st.integers(21, 30), max_size=5, unique=True),
)
def test_a_loop_is_found_between_what_does_not_repeat(
    before: list[int], body: list[int], groups: int, behind: list[int]
) -> None:
    numbers = numbered(np.array([*before, *body * groups, *behind], np.int64))[0]
    assert loops(numbers).tolist() == [[len(before), len(body), groups]]


def test_nothing_repeats_in_nothing() -> None:
    assert loops(np.zeros(0, np.int64)).tolist() == []
