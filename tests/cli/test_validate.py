"""``costmodel validate`` and ``costmodel calibrate``: output, exit codes, files."""

import json
from pathlib import Path
from types import MappingProxyType

import pytest

from costmodel.calibration import report, reports
from costmodel.calibration.claims import Claim, MachineClaims
from costmodel.calibration.row_class import Measure, RowClass
from costmodel.calibration.targets import reported
from costmodel.cli.main import main
from costmodel.config.machine import Machine
from costmodel.config.resources import find_file
from tests.cli.lines import flat


def state(monkeypatch: pytest.MonkeyPatch, worst: float) -> None:
    stated = MachineClaims(
        classes=(Claim(kind=RowClass(Measure.ABSOLUTE), median=worst, worst=worst),),
        wrong_signs={"fork": 99, "zap": 99},
        stdev_factor=99,
    )
    monkeypatch.setattr(report, "claims", lambda: MappingProxyType({"apple-m2-vm": stated}))
    monkeypatch.setattr(report, "validated_machines", lambda: ["apple-m2-vm"])
    # A few reports: tests/calibration/test_accuracy.py has all, and what is stated of loops.
    few = reported()[::20]
    monkeypatch.setattr(reports, "reported", lambda: few)
    monkeypatch.setattr(report, "loop_verdicts", lambda _: iter(()))


def test_a_statement_that_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state(monkeypatch, 1e6)
    file = tmp_path / "out" / "validate.json"
    assert main(["validate", "--json", str(file)]) == 0
    captured = capsys.readouterr()
    assert "holds" in captured.out and "MISSED" not in captured.out
    assert captured.err == "", "no progress bar outside a terminal"
    (machine,) = json.loads(file.read_text())["machines"]
    assert machine["machine"] == "apple-m2-vm"


def test_a_missed_statement_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state(monkeypatch, 1e-6)
    assert main(["validate"]) == 1
    assert "MISSED" in capsys.readouterr().out


def test_calibrate_writes_only_when_told_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "xeon-4210r.yaml"
    path.write_text(find_file("machines", "xeon-4210r").read_text())
    before = path.read_text()
    assert main(["calibrate", str(path), "--starts", "1"]) == 0
    assert path.read_text() == before
    assert "degrees of freedom" in capsys.readouterr().out
    assert main(["calibrate", str(path), "--starts", "1", "--write"]) == 0
    fit = Machine.load(path).fit
    assert fit is not None and fit.rows
    assert capsys.readouterr().err == ""


def test_calibrate_refuses_a_machine_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "graviton3"]) == 2
    assert "no published rows to fit" in flat(capsys.readouterr().err)


def test_calibrate_refuses_no_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--starts", "0"]) == 2
    assert "must be an integer of at least 1 (got '0')" in flat(capsys.readouterr().err)
