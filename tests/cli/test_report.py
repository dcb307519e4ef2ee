"""``costmodel report`` from a scenario and from a file: the page agrees with what it is made of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from costmodel.cli import main as cli

SMALL = """\
title: a small one
operation: fork
state: writable
memory: 16 MiB
machines: [ampere-altra]
strategies: [folio-batch-v6.12]
folio_orders: [9]
baseline: v6.7
protocol: {runs: 4, iterations: 3, seed: 1}
"""


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


def report(*words: object) -> int:
    return cli.main(["report", *map(str, words)])


def data_of(file: Path) -> dict[str, Any]:
    found = re.search(r'id="what-if-data">(.*?)</script>', file.read_text(), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_sliders_at_rest_are_the_results_and_elsewhere_what_the_command_says(
    scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    over = ["--over", "atomics.line_change_cycles=8,20", "--over", "core.width=3..4"]
    assert report(scenario, "-o", "a.html", *over, "--jobs", 1) == 0
    assert capsys.readouterr().out == "a.html: 1 machine, 2 cells\n"
    data = data_of(Path("a.html"))["ampere-altra"]
    assert data["sizes"] == [3, 2]
    at = data["now"][0] * 2 + data["now"][1]
    assert cli.main(["run", str(scenario), "--no-noise", "--json", "here.json"]) == 0
    here = [cell["ns_per_pte"] for cell in json.loads(Path("here.json").read_text())["cells"]]
    assert data["ns"][at] == pytest.approx(here, rel=1e-6)
    changed = ["--set", "atomics.line_change_cycles=20", "--set", "core.width=3"]
    build = json.loads(Path("here.json").read_text())["cells"][1]["build"]
    changed += ["--build", build]
    assert cli.main(["run", str(scenario), "--no-noise", "--json", "there.json", *changed]) == 0
    there = [cell["ns_per_pte"] for cell in json.loads(Path("there.json").read_text())["cells"]]
    assert data["ns"][4][1] == pytest.approx(there[1], rel=1e-6)
    assert data["change"][4][1] == pytest.approx(100 * (there[1] / there[0] - 1), rel=1e-5)


def test_a_file_gives_the_page_of_its_scenario(
    scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", str(scenario), "--json", "result.json"]) == 0
    over = ["--over", "core.width=3..4"]
    assert report("result.json", "-o", "a.html", *over) == 0
    assert report(scenario, "-o", "b.html", *over) == 0
    assert data_of(Path("a.html")) == data_of(Path("b.html"))
    assert "no sliders" not in capsys.readouterr().out


def test_a_file_whose_times_come_out_otherwise_has_no_sliders(
    scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", str(scenario), "--json", "result.json"]) == 0
    scenario.write_text(SMALL)
    data = json.loads(Path("result.json").read_text())
    data["provenance"]["overrides"] = ["ampere-altra.core.width=2"]
    Path("result.json").write_text(json.dumps(data))
    assert report("result.json", "-o", "a.html") == 0
    assert "no sliders: 2 of its 2 times come out otherwise" in " ".join(
        capsys.readouterr().out.split()
    )
    assert data_of(Path("a.html")) == {}


FAULTS = [
    (["-o", "a.txt"], "-o: must end in .html"),
    (["-o", "small.yaml/a.html"], "-o: "),
    (["-o", "a.html", "--over", "core.depth"], "--over: "),
    (["-o", "a.html", "--over", "core.width=0..4"], "--over: "),
    (["-o", "a.html", "--over", "memory=1..2"], "--over: "),
    (["-o", "a.html", "--over", "core.width", "--over", "core.width", "--over", "x=1"], "x: "),
    (
        ["-o", "a.html"]
        + [w for k in ("core.width", "tlbi.issue_ns", "tlbi.broadcast_ns", "core.rob_entries")
           for w in ("--over", k)],
        "--over: are too many",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), FAULTS)
def test_what_is_wrong_is_said_before_anything_is_computed(
    scenario: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr("costmodel.experiment.compare_cells", never)
    assert report(scenario, *words) == 2
    assert message in capsys.readouterr().err
    assert not Path("a.html").exists()


def test_an_input_is_not_overwritten(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html = scenario.rename(scenario.with_suffix(".html"))
    assert report(html, "-o", html) == 2
    assert html.read_text() == SMALL
    assert capsys.readouterr().err
