"""``costmodel layout``: a live process becomes a scenario."""

import json
import os
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.config.scenario import load_scenario
from tests.layout.system import smaps


def test_this_process_becomes_a_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["layout", str(os.getpid()), "-o", "me.yaml", "--json", "me.json"]
    assert main([*words, "--machine", "xeon-4210r"]) == 0
    printed = capsys.readouterr().out
    assert "mapped by PTEs, folios of order 0" in printed
    assert max(map(len, printed.splitlines())) <= 76 and printed.isascii()
    content = json.loads(Path("me.json").read_text())
    assert sum(content["orders"].values()) == pytest.approx(1)
    of_pmds = content["pmd_bytes"]  # where the system gives this process any
    found = load_scenario("me.yaml")
    there = content["memory_bytes"] + of_pmds
    assert found.memory >= there > 1 << 20
    assert found.memory * (1 - found.holes) == pytest.approx(there, rel=1e-4)


def test_a_copy_of_smaps_becomes_a_scenario_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, file = tmp_path / "redis.smaps", tmp_path / "redis.yaml"
    copy.write_text(smaps((8192, 8192, 0)))
    assert main(["layout", str(copy), "-o", str(file), "--machine", "xeon-4210r"]) == 0
    assert main(["run", str(file), "--strategy", "folio-batch-v6.12", "--no-noise"]) == 0
    assert "fork of redis.smaps" in capsys.readouterr().out


def test_a_machine_file_is_named_from_where_the_scenario_lies(tmp_path: Path) -> None:
    from costmodel.config.resources import find_file

    mine = tmp_path / "mine.yaml"
    mine.write_text(find_file("machines", "epyc-zen5").read_text())
    file = tmp_path / "out" / "me.yaml"
    file.parent.mkdir()
    assert main(["layout", str(os.getpid()), "-o", str(file), "--machine", str(mine)]) == 0
    assert "machines: [../mine.yaml]" in file.read_text()
    assert load_scenario(str(file)).machines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["999999999"], "PID: no such process (got '999999999')"),
        (["SELF", "--operation", "spork"], "--operation: unknown operation"),
        (["SELF", "--machine", "pdp-11"], "--machine: unknown machine"),
        (["SELF", "-o", "/etc/hostname/x.yaml"], "-o: cannot be written"),
        (["SELF", "-o", "x.yaml", "--json", "./x.yaml"], "--json: is what -o writes"),
        (["SELF", "-o", "-", "--json", "-"], "--json: is what -o writes"),
    ],
)
def test_bad_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layout", *(str(os.getpid()) if w == "SELF" else w for w in words)]) == 2
    assert message in capsys.readouterr().err
