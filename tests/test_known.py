"""Answers that were given before: the same, and without the machinery that computes them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from costmodel import api
from costmodel.experiment import Cell, run_cells
from costmodel.experiment.run import result_key

TOP = Path(__file__).parents[1]
QUESTION = [
    "run",
    "--machine",
    "xeon-4210r",
    "--strategy",
    "folio-batch-v6.12",
    "--memory",
    "64 MiB",
]


CALL = (
    "import sys; from costmodel.cli.main import main; main(sys.argv[1:]); "
    "sys.exit(7 * ('numba' in sys.modules))"
)
"""A program that ends with 7 if the compiler was loaded."""


def key(cell: Cell) -> str | None:
    return result_key(cell, noise=True, causes=["ticks"], intervals=False)


def test_an_answer_is_the_same_when_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path))
    cells = [
        api.cell("xeon-4210r", name, memory="64 MiB") for name in ("v6.7", "folio-batch-v6.12")
    ]
    first = run_cells(cells)
    monkeypatch.setattr("costmodel.experiment.run.run_cell", None)
    again = run_cells(cells)
    assert again == first
    assert [one.log_samples for one in again] == [one.log_samples for one in first]


def test_a_known_answer_needs_no_compiler(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CALL, *QUESTION]
    environment = {"COSTMODEL_CACHE": str(tmp_path), "PATH": "/usr/bin", "PYTHONPATH": str(TOP)}
    first, again = (
        subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        for _ in range(2)
    )
    assert (first.returncode, again.returncode) == (7, 0)
    assert first.stdout == again.stdout


def test_a_new_number_of_a_known_strategy_needs_no_compiler(tmp_path: Path) -> None:
    """Its programs are known, and the code that executes them is called without numba."""

    def asked(value: float, store: str) -> subprocess.CompletedProcess[str]:
        words = [*QUESTION, "--set", f"xeon-4210r.caches.l1.latency_cycles={value}"]
        environment = {"COSTMODEL_CACHE": store, "PATH": "/usr/bin", "PYTHONPATH": str(TOP)}
        command = [sys.executable, "-c", CALL, *words]
        return subprocess.run(command, check=False, env=environment, capture_output=True, text=True)

    assert asked(4.5, str(tmp_path)).returncode == 7
    known, computed = asked(4.75, str(tmp_path)), asked(4.75, "off")
    assert (known.returncode, computed.returncode) == (0, 7)
    assert known.stdout == computed.stdout


def test_what_changes_a_number_changes_the_key() -> None:
    here = api.cell("ampere-altra", "v6.7")
    others = [
        api.cell("ampere-altra", "folio-batch-v6.12"),
        api.cell("ampere-altra", "v6.7", order=4),
        api.cell("ampere-altra", "v6.7", memory="64 MiB"),
        api.cell("ampere-altra", "v6.7", seed=2),
        api.cell("ampere-altra", "v6.7", build="gcc13"),
        api.cell("ampere-altra", "v6.7", state="read-only"),
        api.cell("ampere-altra", "v6.7", overrides={"tlbi.issue_ns": 9.0}),
        api.cell("graviton3", "v6.7"),
    ]
    assert len({key(cell) for cell in [here, *others]}) == 1 + len(others)
    assert key(here) == key(api.cell("ampere-altra", "v6.7"))
    assert key(here) != result_key(here, noise=False, causes=[], intervals=False)
    assert key(here) != result_key(here, noise=True, causes=[], intervals=False)
    assert key(here) != result_key(here, noise=True, causes=["ticks"], intervals=True)


def test_strategies_of_the_user_are_not_kept(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        "from costmodel.strategies import fork as k\n\n\n"
        "def mine(fork):\n    return k.v6_12(fork)\n"
    )
    cell = replace(api.cell("ampere-altra", "v6.7"), strategy=f"{source}:mine")
    assert key(cell) is None
