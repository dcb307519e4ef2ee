"""Every command that prices a strategy says beside the number what must be said of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from costmodel.cli.main import main

BROKEN = "folio-batch-off-by-one"
SMALL = "--memory '2 MiB'"
PRICING = [
    f"run --machine xeon-4210r --strategy {BROKEN} {SMALL} --no-noise --jobs 1",
    f"explain xeon-4210r {BROKEN} {SMALL}",
    f"explain xeon-4210r v6.7 --vs {BROKEN} {SMALL}",
    f"breakeven {BROKEN} --machine xeon-4210r --over folio_order {SMALL}",
    f"trace xeon-4210r {BROKEN} {SMALL} -o out.json",
]


@pytest.mark.parametrize("line", PRICING, ids=lambda line: str(line).split()[0])
def test_a_broken_strategy_is_marked(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(f"{BROKEN} is broken: its batches run on into the next folio") == 1


@pytest.mark.parametrize("line", PRICING[1:4], ids=lambda line: str(line).split()[0])
def test_files_carry_the_mark(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    assert main([*shlex.split(line), "--json", str(file)]) == 0
    assert f"{BROKEN} is broken" in json.loads(file.read_text())["remarks"][0]
