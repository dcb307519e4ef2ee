"""Recordings in the project's own compact form."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from costmodel.recorder import RecordedProgram, load_program, recorded_names
from costmodel.recorder.archive import FOLDER, save_program
from costmodel.recorder.importer import import_folder

NAME = "v6.7.x86_64"


def archive(name: str) -> bytes:
    return (FOLDER / "fork" / f"{name}.npz").read_bytes()


def test_a_program_written_again_has_the_same_bytes() -> None:
    assert save_program(load_program("fork", NAME)) == archive(NAME)


@pytest.mark.parametrize("operation", ["fork", "zap"])
def test_every_producer_lies_in_the_window(operation: str) -> None:
    for name in recorded_names(operation):
        for window in load_program(operation, name).recordings.values():
            rows = np.arange(len(window))[:, None]
            assert (window.distance >= 0).all()
            assert (window.distance <= rows).all()


def test_memory_producers_write() -> None:
    program = load_program("fork", NAME)
    for window in program.recordings.values():
        read = np.flatnonzero(window.distance[:, 4])
        writers = program.kind[window.uop[read - window.distance[read, 4]]]
        assert set(writers.tolist()) <= {"store", "rmw", "zero"}


def test_there_is_no_recording_of_a_kernel_that_was_not_booted() -> None:
    with pytest.raises(FileNotFoundError):
        load_program("fork", "v6.13.x86_64")


COLUMNS = [
    "kind",
    "op",
    "d1",
    "d2",
    "d3",
    "d4",
    "md",
    "target",
    "index",
    "off",
    "bytes",
    "taken",
    "site",
    "fn",
]


def row(**values: object) -> dict[str, object]:
    return dict.fromkeys(COLUMNS, "") | values


def test_importing_numbers_what_is_static_once(tmp_path: Path) -> None:
    """Two executions of one instruction are one static micro-op; their addresses differ."""
    load = row(kind="load", op="ldr", target="src", bytes=8, site=7, fn="copy", off=0)
    branch = row(kind="branch", op="b_eq", site=8, fn="copy", d1=1, taken=1)
    rows = [load | {"index": 0}, branch, load | {"index": 1}, branch | {"taken": 0}]
    program = imported(tmp_path, rows)
    window = program.recordings["rw/order0"]
    assert program.isa == "x86_64"
    assert window.uop.tolist() == [0, 1, 0, 1]
    assert window.index.tolist() == [0, 0, 1, 0]
    assert window.taken.tolist() == [-1, 1, -1, 0]
    assert window.distance[:, 0].tolist() == [0, 1, 0, 1]


def imported(folder: Path, rows: list[dict[str, object]]) -> RecordedProgram:
    with gzip.open(folder / "toy.x86_64.rw.order0.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (program,) = import_folder(folder, {"toy.x86_64.rw.order0.csv.gz": 2})
    return program
