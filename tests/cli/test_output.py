"""Results go where they were asked to go, or the command says so before it computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat
from tests.experiment.stand_in import execute_instead

SCENARIO = """\
title: a small fork
operation: fork
memory: 2 MiB
machines: [./mine.yaml]
folio_orders: [0]
baseline: v6.7
strategies: [folio-batch-v6.12]
protocol: {runs: 2, iterations: 2, seed: 1}
"""
MACHINES = Path(__file__).parents[2] / "machines"
SMALL = ["--memory", "2 MiB"]
RUN = ["run", "--machine", "xeon-4210r", "--strategy", "v6.7", "--no-noise", *SMALL]
EXPLAIN = ["explain", "xeon-4210r", "v6.7", *SMALL]
BREAKEVEN = ["breakeven", "v6.7", "--machine", "xeon-4210r", "--over", "core.width", *SMALL]
TRACE = ["trace", "xeon-4210r", "v6.7", *SMALL]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a scenario and its machine, the working directory."""
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "mine.yaml").write_text((MACHINES / "xeon-4210r.yaml").read_text())
    (tmp_path / "p.py").write_text("from costmodel.strategies import fork as k\ncopy = k.v6_12\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed before the target was looked at")

    execute_instead(monkeypatch, refuse)


@pytest.mark.usefixtures("no_computing")
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (".", "is a directory"),
        ("", "must not be empty"),
        ("x" * 300, "File name too long"),
        ("s.yaml/r.json", "Not a directory"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        [*RUN, "--json"],
        [*EXPLAIN, "--json"],
        [*BREAKEVEN, "--json"],
        ["validate", "--json"],
        [*TRACE, "-o"],
    ],
    ids=lambda words: words[0],
)
def test_a_place_that_cannot_be_written_is_refused_before_computing(
    words: list[str], file: str, reason: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.iterdir())
    assert main([*words, file]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and f"{words[-1]}: " in captured.err
    assert reason in flat(captured.err)
    assert sorted(here.iterdir()) == before


@pytest.mark.usefixtures("no_computing")
@pytest.mark.parametrize(
    "words",
    [
        ["run", "s.yaml", "--json", "s.yaml"],
        ["run", "s.yaml", "--json", "./mine.yaml"],
        ["run", "s.yaml", "--strategy", "p.py:copy", "--json", "p.py"],
        ["explain", "./mine.yaml", "v6.7", "--json", "mine.yaml"],
        ["breakeven", "v6.7", "--machine", "./mine.yaml", "--over", "cpus", "--json", "mine.yaml"],
        ["trace", "./mine.yaml", "v6.7", "-o", "mine.yaml"],
    ],
)
def test_an_input_is_never_overwritten(
    words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert main(words) == 2
    assert "is an input of this command and would be lost" in flat(capsys.readouterr().err)
    assert {path: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.usefixtures("no_computing")
def test_a_picture_is_refused_before_computing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "old.svg").mkdir()
    assert main(["plot", "s.yaml", "-o", "old.svg"]) == 2
    assert "-o: is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("words", [RUN, EXPLAIN, BREAKEVEN], ids=lambda words: words[0])
def test_json_alone_goes_to_standard_output(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
@pytest.mark.parametrize("words", [RUN, EXPLAIN], ids=lambda words: words[0])
def test_what_was_computed_is_printed_though_the_disk_is_full(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json", "/dev/full"]) == 2
    captured = capsys.readouterr()
    assert "v6.7" in captured.out
    assert "No space left on device" in captured.err and "Traceback" not in captured.err


def command(words: list[str], shell: str) -> subprocess.CompletedProcess[str]:
    line = f'{sys.executable} -m costmodel "$@" {shell}'
    run = ["bash", "-c", line, "costmodel", *words]
    return subprocess.run(run, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "shell", "code", "message"),
    [
        (["machines"], ">&-", 2, "costmodel: Bad file descriptor\n"),
        (["machines", "ampere-altro"], "2>&-", 2, ""),
        (["machines", "ampere-altro"], ">&- 2>&-", 2, ""),
        (["machines"], "<&- >/dev/null", 0, ""),
        (["machines"], ">/dev/full", 2, "costmodel: No space left on device\n"),
        (["run", "--machine", "nope"], "2>/dev/full", 2, ""),
        (["run", "--nope"], "2>/dev/full", 2, ""),
        (["run", "--machine", "nope"], "2>&-", 2, ""),
        (["run", "--machine", "nope"], "2> >(true)", 2, ""),
    ],
)
def test_closed_and_full_streams(words: list[str], shell: str, code: int, message: str) -> None:
    done = command(words, shell)
    assert (done.returncode, done.stderr) == (code, message)
