"""``costmodel loops``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.cli.process import BAD_INPUT
from costmodel.loops.form import loops_path, read_loops
from costmodel.loops.price import PricedLoop
from costmodel.results.text.loops import loops_text

LOOPS = """\
- {name: adds, ops: [[add, 8, chain]], cycles: 8.03}
- {name: not measured, ops: [[mul, 2, independent]]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "loops.yaml"
    path.write_text(LOOPS)
    return path


def test_predicted_stands_beside_measured(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = file.with_suffix(".json")
    assert main(["loops", str(file), "--machine", "epyc-milan", "--json", str(written)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["adds", "8.03", "8.00", "-0.4%"]
    assert lines[-1].startswith("2 loops, 1 of them measured: mean absolute error 0.4 %")
    assert json.loads(written.read_text()) == [
        {"name": "adds", "predicted_cycles": 8.0, "measured_cycles": 8.03},
        {"name": "not measured", "predicted_cycles": 2.0, "measured_cycles": None},
    ]


@pytest.mark.parametrize("name", ["zen3", "zen5", "raptor-cove"])
def test_shipped_loops_fit_the_page(name: str) -> None:
    loops = read_loops(loops_path(name))
    text = loops_text([PricedLoop(loop.name, 12345.6, loop.cycles) for loop in loops], "a machine")
    assert all(loop.name[:30] in text for loop in loops)
    assert max(map(len, text.splitlines())) <= 76


def test_numbers_can_be_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = ["--set", "core.mul_latency_cycles=4", "--set", "epyc-milan.core.mul_ports=1"]
    assert main(["loops", str(file), "--machine", "epyc-milan", *slow]) == 0
    assert "2.00" in capsys.readouterr().out


@pytest.mark.parametrize(("booted", "low", "high"), [("auto", 23, 25), ("off", 4, 5.3)])
def test_returns_may_go_through_the_thunk_of_the_machine(
    booted: str, low: float, high: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = tmp_path / "pair.yaml"
    pair.write_text("- {name: pair, ops: [[call, 1, independent], [return, 1, independent]]}\n")
    words = ["loops", str(pair), "--machine", "epyc-milan", "--set", f"mitigations={booted}"]
    assert main([*words, "--json", "-"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert low < found["predicted_cycles"] < high
    assert main([*words[:-1], "mitigations=on"]) == BAD_INPUT
    assert "must be 'auto' or 'off' (got 'on')" in capsys.readouterr().err


def test_every_fault_is_reported_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, written = tmp_path / "bad.yaml", tmp_path / "out.json"
    bad.write_text("- {name: a, ops: 3}\n")
    words = ["loops", str(bad), "--machine", "epyc-milano", "--json", str(written)]
    assert main(words) == BAD_INPUT
    text = capsys.readouterr().err
    assert "did you mean 'epyc-milan'" in text and "bad.yaml:1:18" in text
    assert not written.exists()


def test_numbers_that_cannot_be_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["loops", str(file), "--machine", "epyc-milan", "--set", "core.widht=4", "--set", "x"]
    assert main(words) == BAD_INPUT
    said = capsys.readouterr().err
    assert said.count("--set: ") == 2 and "did you mean 'core.width'" in said


def test_json_alone_on_standard_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loops", str(file), "--machine", "epyc-milan", "--json", "-"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["adds", "not measured"]


def test_a_result_takes_the_place_of_no_input(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["loops", str(file), "--machine", "epyc-milan", "--json", str(file)]
    assert main(words) == BAD_INPUT
    assert "would be lost" in capsys.readouterr().err
    assert file.read_text() == LOOPS
