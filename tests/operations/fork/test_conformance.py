"""Strategies execute on recorded layouts what was recorded, row by row; docs/conformance.md."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from costmodel.code.library import source_of
from costmodel.operations.fork.recorded import find
from costmodel.recorder import load_program
from costmodel.recorder.archive import cut_programs
from tests.operations.compare import compare
from tests.operations.layout import memory_of
from tests.operations.replay import differences, loop_names, recorded_strategies, replayed, windows

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
COLUMNS = ("site", "kind", "size", "taken", "address", "inputs")


def known_differences() -> dict[tuple[str, str], dict[str, int]]:
    """Read the table of the document: rows by column, by program and window."""
    known: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 5 and cells[2] in COLUMNS:
            known[cells[0], cells[1]][cells[2]] = int(cells[3])
    return known


BOOTED = [(program, window) for program, window in windows() if "@" not in program]
BUILDS = [(program, window) for program, window in windows() if "@" in program]
NEXT_TABLE_ROWS = 10
"""Of a build's whole table, so many rows at most belong to the step from the table before."""


@pytest.mark.parametrize(("program", "window"), BOOTED)
def test_rows_are_those_recorded(program: str, window: str) -> None:
    found = differences(program, window)
    counts = {column: len(rows) for column, rows in found.items()}
    assert counts == known_differences().get((program, window), {}), found


@pytest.mark.parametrize(("program", "window"), BUILDS)
def test_rows_of_builds_are_those_recorded_behind_the_step_from_table_to_table(
    program: str, window: str
) -> None:
    found = differences(program, window)
    inputs = found.pop("inputs", [])
    if window.startswith("rw/order0"):
        assert not inputs and not found
    rows = len(load_program("fork", program).recordings[window])
    assert len(inputs) < 0.01 * rows
    assert all(row < NEXT_TABLE_ROWS for rows in found.values() for row in rows), found


def test_every_program_has_a_strategy() -> None:
    recorded = [*loop_names(), *cut_programs("fork")]
    assert set(recorded_strategies()) == set(map(source_of, recorded))


def test_the_document_says_how_many_windows_differ() -> None:
    total, differing = len(BOOTED), len(known_differences())
    assert f"Of {total} windows, {total - differing} are the same" in DOCUMENT.read_text()


def test_a_wrong_row_would_be_found() -> None:
    """The comparison bites: another state of the same layout differs."""
    program = load_program("fork", "v6.7.x86_64")
    right, wrong = program.recordings["rw/order0"], program.recordings["ro/order0"]
    marks = find(program, right)
    strategy = recorded_strategies()[program.name]
    memory = memory_of(right, marks, strategy, adjoins=True)
    trace, events = replayed(program.name, strategy, memory)
    assert compare(program, right, marks, trace, events) == {}
    assert {"site", "taken"} <= set(compare(program, wrong, marks, trace, events))
