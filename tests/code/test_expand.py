"""Laying out rows and finding memory producers, compiled or not."""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code import expand
from costmodel.code.expand import link_memory, memory_producers, number_lines
from costmodel.code.uops import Kind
from costmodel.units import LINE_BYTES

Access = tuple[int, int, int]
ACCESSES = st.lists(
    st.tuples(
        st.sampled_from([Kind.ALU, Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO]),
        st.integers(0, 300),
        st.sampled_from([1, 2, 4, 8, 16, 64]),
    ),
    max_size=60,
)


def oracle(accesses: list[Access]) -> list[int]:
    """Follow every byte in a dictionary."""
    writer: dict[int, int] = {}
    producers = []
    for row, (kind, address, size) in enumerate(accesses):
        touched = range(address, address + size) if kind != Kind.ALU else range(0)
        reads = kind in (Kind.LOAD, Kind.RMW)
        producers.append(max((writer.get(byte, -1) for byte in touched if reads), default=-1))
        if kind in (Kind.STORE, Kind.RMW, Kind.ZERO):
            writer.update(dict.fromkeys(touched, row))
    return producers


def columns(accesses: list[Access]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(accesses, dtype=np.int64).reshape(-1, 3)
    kind, address, size = table.T.copy()
    return kind, np.where(kind == Kind.ALU, -1, address), size


@settings(deadline=None)  # the first call compiles
@given(ACCESSES)
def test_memory_producers_are_those_of_a_dictionary_of_bytes(accesses: list[Access]) -> None:
    kind, address, size = columns(accesses)
    inputs = np.full((len(kind), 5), -1, dtype=np.int32)
    memory_producers(kind, address, size, inputs)
    assert inputs[:, 4].tolist() == oracle(accesses)


@pytest.mark.parametrize("function", [expand.lay_out, number_lines, link_memory])
def test_without_numba_the_same_functions_run_as_plain_python(function: object) -> None:
    assert type(function) is FunctionType


@given(ACCESSES)
def test_plain_python_finds_the_same(accesses: list[Access]) -> None:
    kind, address, size = columns(accesses)
    inputs = np.full((len(kind), 5), -1, dtype=np.int32)
    table, numbers, lines = number_lines(address, size, 2)
    writer = np.full((lines + 1, LINE_BYTES), -1, dtype=np.int32)
    link_memory(kind, address, size, table, numbers, writer, inputs)
    assert inputs[:, 4].tolist() == oracle(accesses)


def test_rows_of_a_fragment_in_plain_python() -> None:
    """One fragment of two rows, executed twice: a load of the entry and a branch on it.

    The branch takes its input from the step; the load's address depends on the last branch.
    """
    executed = np.zeros(2, dtype=np.int64)
    contexts = np.array([[5, 4, 0, 0, 0, 0], [6, 5, 0, 0, 0, 0]])
    slot_role = 1
    library_row, address = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)
    inputs = np.zeros((4, 5), dtype=np.int32)
    expand.lay_out(
        executed,
        contexts,
        np.array([0]),  # the fragment's first row
        np.array([2]),  # its length
        np.array([0, 1]),  # static micro-op
        np.array([slot_role, 0]),
        np.array([0, 0]),  # index
        np.array([4, 0]),  # offset
        np.array([[0, 0, 0, 0], [1, 0, 0, 0]]),  # near
        np.array([[0, -1, -1, -1], [-1, -1, -1, -1]]),  # far
        np.array([0, 1]),  # group 0 ...
        np.array([1]),  # ... is static micro-op 1
        np.array([1, 0]),  # targets: SRC, none
        np.zeros((1, 4), dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        library_row,
        inputs,
        address,
    )
    assert library_row.tolist() == [0, 1, 0, 1]
    assert inputs[:, 0].tolist() == [-1, 0, 1, 2]
    origin = (1 << 44) + expand.SLOT_ORIGIN
    assert address.tolist() == [origin + 5 * 8 + 4, -1, origin + 6 * 8 + 4, -1]
