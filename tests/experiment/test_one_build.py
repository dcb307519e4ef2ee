"""Pictures of times show all strategies of a machine in one build."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import study
from costmodel.cli.main import main
from costmodel.config.errors import ConfigError
from costmodel.experiment.one_build import all_in_one_build, mixes_builds

BATCHED = ["folio-batch-v6.9", "folio-batch-v6.12"]


def test_a_table_mixes_builds_and_a_picture_does_not() -> None:
    table = study(machines="xeon-4210r", strategies=BATCHED, orders=[0, 9], noise=False)
    assert mixes_builds(table.comparisons)
    found, left_out = all_in_one_build(table.comparisons)
    assert not mixes_builds(found)
    assert not left_out
    (build,) = {c.result.build for c in found}
    assert build != "gcc12-booted"
    assert [c.result.cell.strategy for c in found] == [
        c.result.cell.strategy for c in table.comparisons
    ]


def test_what_only_another_build_has_is_left_out_and_said(tmp_path: Path) -> None:
    names = ["v6.8", "folio-scan-v3", "arch-batch-const1", *BATCHED]
    table = study(machines="xeon-4210r", strategies=names, orders=[0, 9], noise=False)
    found, left_out = all_in_one_build(table.comparisons)
    assert {c.result.build for c in found} == {"gcc12-booted"}
    assert [(left.strategies, left.reason) for left in left_out] == [
        (("v6.8",), "not recorded of build gcc12-booted")
    ]
    table.picture("stack").save(tmp_path / "stack.svg")
    assert "build gcc12-booted (not recorded of it: v6.8)" in (tmp_path / "stack.svg").read_text()


def test_builds_that_were_named_stay(tmp_path: Path) -> None:
    named = ["folio-batch-v6.12@gcc12", "folio-batch-v6.12@gcc14"]
    table = study(machines="xeon-4210r", strategies=named, baseline=named[0], noise=False)
    assert not mixes_builds(table.comparisons)
    table.picture("stack").save(tmp_path / "stack.svg")


def test_a_file_of_several_builds_is_refused_where_times_stand_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ["run", "--machine", "xeon-4210r", "--strategy", BATCHED[1], "--no-noise", "--json"]
    assert main([*run, "mixed.json"]) == 0
    assert main([*run, "one.json", "--build", "gcc16"]) == 0
    for name, status in (("mixed", 2), ("one", 0)):
        capsys.readouterr()
        assert main(["plot", f"{name}.json", "--kind", "stack", "-o", "x.svg"]) == status
    assert main(["plot", "mixed.json", "-o", "x.svg"]) == 0


def test_the_fault_says_what_to_do() -> None:
    from costmodel.results.plots.draw import draw

    table = study(machines="xeon-4210r", strategies=BATCHED[1], noise=False)
    with pytest.raises(ConfigError, match="name the scenario, or run it with --build"):
        draw(table.results, "stack")
