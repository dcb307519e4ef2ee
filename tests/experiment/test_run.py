"""How many processes a question is worth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from costmodel import api, jit
from costmodel.experiment import run
from costmodel.experiment.cell import Cell


@pytest.mark.parametrize(
    ("cells", "threads", "most"), [(1, 1, 1), (11, 1, 1), (12, 1, 1), (24, 1, 2), (3, 4, 3)]
)
def test_a_process_is_started_for_a_dozen_cells_or_one_of_several_cpus(
    cells: int, threads: int, most: int
) -> None:
    cell = api.cell("ampere-altra", "v6.7", memory="2 MiB", threads=threads)
    assert run._worth([cell] * cells) == most


def test_processes_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_CELLS_PER_PROCESS", 1)
    cells: list[Cell] = [
        api.cell("ampere-altra", name, memory="2 MiB", order=order)
        for name in ("v6.7", "folio-batch-v6.9")
        for order in (0, 2)
    ]
    assert run.run_cells(cells, jobs=2) == run.run_cells(cells, jobs=1)


def _noted(_: Cell) -> float:
    Path(os.environ["NOTED"]).write_text(str(os.getpid()))
    return 1.0


def test_the_compiler_runs_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes hundreds of megabytes, which end with that process."""
    monkeypatch.setenv("NOTED", str(tmp_path / "pid"))
    monkeypatch.setattr(run, "exact_seconds", _noted)
    cell = api.cell("ampere-altra", "v6.7", memory="2 MiB")
    monkeypatch.setattr("costmodel.jit.is_to_compile", lambda: False)
    run.compile_apart(cell)
    assert not (tmp_path / "pid").exists()
    monkeypatch.setattr("costmodel.jit.is_to_compile", lambda: True)
    run.compile_apart(cell)
    assert int((tmp_path / "pid").read_text()) != os.getpid()


def _doubled(number: int) -> int:
    return 2 * number


def _raised(number: int) -> int:
    return number + 1


def _noted_and_compiled(_: Cell) -> float:
    with Path(os.environ["NOTED"]).open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    return float(jit.Compiled(_doubled)(1) + jit.Compiled(_raised)(1))


@pytest.mark.skipif(not jit.is_compiled(), reason="needs numba")
def test_several_processes_compile_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each compiles one function; the third finds nothing left to compile."""
    monkeypatch.setenv("NOTED", str(tmp_path / "pids"))
    monkeypatch.setattr(run, "exact_seconds", _noted_and_compiled)
    monkeypatch.setattr(run, "_COMPILED_BY_ONE", 1)
    monkeypatch.setattr("costmodel.jit.is_to_compile", lambda: True)
    monkeypatch.setattr(jit, "directory", lambda: tmp_path)
    run.compile_apart(api.cell("ampere-altra", "v6.7", memory="2 MiB"))
    pids = (tmp_path / "pids").read_text().split()
    assert len(set(pids)) == len(pids) == 3
