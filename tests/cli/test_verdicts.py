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
    f"sensitivity xeon-4210r {BROKEN} {SMALL} --jobs 1",
    f"sweep --machine xeon-4210r --strategy {BROKEN} {SMALL} --over core.width=4 -o out --jobs 1",
    f"share perf.txt --machine xeon-4210r --strategy {BROKEN} {SMALL} --jobs 1",
]
FILES = ("explain", "breakeven", "sensitivity")
"""Commands whose JSON has the remarks, too."""
PROFILE = "redis-server 42 1.000001: 1000 cycles:\n\tffffffff81 copy_page_range+0x1 (x)\n\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in a folder with a profile."""
    monkeypatch.chdir(tmp_path)
    Path("perf.txt").write_text(PROFILE)


@pytest.mark.parametrize("line", PRICING, ids=lambda line: str(line).split()[0])
def test_a_broken_strategy_is_marked(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line)
    file = Path("out.json")
    assert main([*words, *(["--json", str(file)] if words[0] in FILES else [])]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(f"{BROKEN} is broken: its batches run on into the next folio") == 1
    if words[0] in FILES:
        assert f"{BROKEN} is broken" in json.loads(file.read_text())["remarks"][0]


QUESTION = "--memory '2 MiB' --frames scattered --set caches.l1.latency_cycles=5 --jobs 1"


@pytest.mark.parametrize(
    "line",
    [
        f"sweep --machine xeon-4210r --strategy v6.8 {QUESTION} --over core.width=4 -o out",
        f"share perf.txt --machine xeon-4210r --strategy v6.8 {QUESTION}",
        f"explain xeon-4210r v6.8 {QUESTION}",
        f"run --machine xeon-4210r --strategy v6.8 {QUESTION} --no-noise",
    ],
    ids=lambda line: str(line).split()[0],
)
def test_all_that_is_not_default_is_said(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "fork, 2 MiB, writable" in said
    assert "scattered frames" in said
    assert "Changed for this run: caches.l1.latency_cycles=5 (file: 4)." in said
    assert "No absolute fork time of this machine was ever compared" in said


def test_a_part_of_scattered_frames_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    part = ["--frames", "{scattered: 30%, run: 64 KiB}", "--memory", "4 MiB"]
    assert main(["run", "--machine", "xeon-4210r", "--strategy", "v6.7", *part, "--no-noise"]) == 0
    head = capsys.readouterr().out.partition("|")[0]
    assert head.count("frames 30% scattered, runs of 64 KiB") == head.count("scattered") == 1
