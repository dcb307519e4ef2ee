"""Windows as lists, and windows without some of their micro-ops."""

from __future__ import annotations

import numpy as np

from costmodel.recorder import RecordedProgram, Recording
from costmodel.recorder.recorded import WindowRows, without_rows

KINDS = ["alu", "alu", "rmw", "load", "alu"]
"""The first two feed each other and the rmw; the second feeds the load too."""


def window(distances: dict[int, int]) -> tuple[RecordedProgram, Recording]:
    count = len(KINDS)
    distance = np.zeros((count, 5), dtype=np.int64)
    for row, back in distances.items():
        distance[row, 0] = back
    zeros = np.zeros(count, dtype=np.int64)
    recorded = Recording("munmap", "order4", 1, np.arange(count), distance, zeros, zeros, zeros - 1)
    text = np.array([""] * count)
    program = RecordedProgram("v6.7.x86_64", zeros, np.array(KINDS), text, text, zeros, text, {})
    return program, recorded


def test_rows_spread_the_static_columns() -> None:
    rows = WindowRows(*window({}))
    assert rows.kind == KINDS
    assert len(rows) == 5


def test_what_served_only_the_removed_goes_with_it() -> None:
    program, recorded = window({1: 1, 2: 1, 4: 1})
    left = without_rows(program, recorded, [2])

    assert left.uop.tolist() == [3, 4]
    assert left.distance[:, 0].tolist() == [0, 1]


def test_what_others_use_stays() -> None:
    program, recorded = window({1: 1, 2: 1, 3: 2})
    left = without_rows(program, recorded, [2])

    assert left.uop.tolist() == [0, 1, 3, 4]
    assert left.distance[:, 0].tolist() == [0, 1, 1, 0]
