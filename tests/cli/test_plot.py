"""``costmodel plot``: from a result file or a scenario to a file or a chart, and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat

SCENARIO = """\
title: a small fork
operation: fork
memory: 2 MiB
machines: [ampere-altra]
folio_orders: [0, 9]
baseline: v6.7
strategies: [contpte-folio-batch-v6.9]
protocol: {runs: 3, iterations: 4, seed: 1}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(SCENARIO)
    return str(file)


@pytest.mark.parametrize("kind", ["change", "order", "stack", "samples", "timeline"])
def test_a_scenario_is_drawn(
    kind: str, scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / f"{kind}.svg"
    orders = ["--order", "0", "--order", "9"] if kind == "order" else []
    assert main(["plot", scenario, "--kind", kind, "-o", str(output), *orders]) == 0
    assert output.read_bytes().startswith(b"<?xml")
    assert flat(capsys.readouterr().out).startswith(f"{output}: fork of 2 MiB (writable)")


@pytest.mark.parametrize("kind", ["change", "stack", "timeline"])
def test_an_unmap_is_drawn_as_a_fork_is(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "small.yaml"
    zap = SCENARIO.replace("operation: fork", "operation: zap\nstate: munmap")
    scenario.write_text(zap.replace("a small fork", "a small munmap"))
    output = tmp_path / f"{kind}.svg"
    options = ["--strategy", "contpte-folio-batch-v6.12", "--order", "9"]
    options += ["--ptes", "1"] if kind == "timeline" else []
    assert main(["plot", str(scenario), "--kind", kind, "-o", str(output), *options]) == 0
    assert output.read_bytes().startswith(b"<?xml")
    assert flat(capsys.readouterr().out).startswith(f"{output}: zap of 2 MiB (munmap)")


def test_a_result_file_is_drawn_as_its_scenario(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    assert main(["run", scenario, "--json", str(result)]) == 0
    for source in (scenario, str(result)):
        assert main(["plot", source, "-o", str(tmp_path / f"{Path(source).stem}.svg")]) == 0
    assert (tmp_path / "small.svg").read_bytes() == (tmp_path / "result.svg").read_bytes()
    capsys.readouterr()
    charts = []
    for source in (scenario, str(result)):
        assert main(["plot", source, "--ascii"]) == 0
        charts.append(capsys.readouterr().out)
    assert charts[0] == charts[1]
    assert "contpte-folio-batch-v6.9" in charts[0] and "#" in charts[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "picture.pdf"], "-o: must end in .svg or .png"),
        (["--ascii", "--kind", "stack"], "--ascii: prints changes"),
        (["--kind", "samples", "--no-noise", "-o", "x.svg"], "name a scenario"),
        (["--kind", "timeline", "--ptes", "512", "-o", "x.svg"], "a picture holds"),
        (["--machine", "ampere-altro"], "did you mean 'ampere-altra'?"),
    ],
)
def test_bad_input_is_named(
    options: list[str], message: str, scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", scenario, *options]) == 2
    captured = capsys.readouterr()
    assert message in flat(captured.err) and captured.out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "timeline"], "--kind timeline: needs a scenario, not a result file"),
        (["--set", "memory=2 GiB"], "--set: needs a scenario"),
        (["--no-noise"], "--no-noise: needs a scenario"),
        (["--set", "a=1", "--kind", "timeline"], "--kind timeline: needs a scenario"),
    ],
)
def test_a_result_file_cannot_be_computed_again(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", "some.json", *options]) == 2
    assert message in flat(capsys.readouterr().err)


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "missing.json"]) == 2
    assert "missing.json" in flat(capsys.readouterr().err)
