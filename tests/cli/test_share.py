"""``costmodel share``: shares of a job, and what a strategy means for it."""

import json
from pathlib import Path

import pytest

from costmodel.cli.main import main

SAMPLE = "redis-server 42 100.000001: 1000 cycles:\n\tffffffff81 {} (x)\n\tffffffff81 {} (x)\n\n"
PROFILE = (
    20 * SAMPLE.format("copy_page_range+0x1", "dup_mm+0x2")
    + 10 * SAMPLE.format("set_ptes+0x1", "unmap_page_range+0x2")
    + 70 * SAMPLE.format("dictFind+0x1", "main+0x2")
)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    file = tmp_path / "perf.txt"
    file.write_text(PROFILE)
    return file


def test_shares_stand_in_a_table(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["share", str(profile)]) == 0
    printed = capsys.readouterr().out
    assert "perf.txt: perf script, 100 samples of cycles, with callers" in printed
    (fork,) = [line for line in printed.splitlines() if line.startswith("fork: ")]
    assert fork.split()[4] == "20.0"
    assert max(map(len, printed.splitlines())) <= 76


def test_a_strategy_changes_the_job_by_its_share(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "share.json"
    words = ["share", str(profile), "--machine", "xeon-4210r", "--strategy", "folio-batch-v6.9"]
    assert main([*words, "--order", "9", "--operation", "fork", "--json", str(out)]) == 0
    assert "folio-batch-v6.9 against v6.7 on Xeon Silver 4210R" in capsys.readouterr().out
    (found,) = json.loads(out.read_text())["consequences"]
    assert found["job_change_pct"] == pytest.approx(0.2 * found["loop_change_pct"])
    low, high = found["job_interval_pct90"]
    assert low < found["job_change_pct"] < high < 0


def test_a_loop_changes_as_run_says(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At order 0 builds lie ten points apart: both take the median one, and its interval."""
    files = {name: str(tmp_path / f"{name}.json") for name in ("share", "run")}
    asked = ["--machine", "xeon-4210r", "--strategy", "folio-batch-v6.9", "--operation", "fork"]
    assert main(["share", str(profile), *asked, "--json", files["share"]]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "build gcc16 (gcc 16.2.0, small): the lower median of" in printed
    loop_alone = ["--set", "kernel.fork_fixed_us=0", "--no-noise"]
    assert main(["run", *asked, *loop_alone, "--json", files["run"]]) == 0
    (found,) = json.loads(Path(files["share"]).read_text())["consequences"]
    cell = json.loads(Path(files["run"]).read_text())["cells"][-1]
    assert found["loop_change_pct"] == cell["change_pct"]["mean"]
    assert found["loop_interval_pct90"] == cell["model_interval_pct90"]


def test_a_strategy_of_several_operations_changes_all_their_loops(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["share", str(profile), "--machine", "xeon-4210r", "--strategy", "folio-batch-v6.12"]
    assert main([*words, "--order", "4"]) == 0
    printed = capsys.readouterr().out
    assert "\nfork  " in printed and "\nzap  " in printed and "together" in printed
    assert max(map(len, printed.splitlines())) <= 76 and printed.isascii()


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--strategy", "v6.9"], ["--machine: needed with --strategy"]),
        (["--order", "4", "--set", "memory=1 GiB"], ["--order: needs", "--set: needs"]),
        (["--build", "gcc13-distro"], ["--build: needs --strategy"]),
        (["--machine", "xeon-4210r", "--strategy", "v6.77"], ["--strategy: unknown strategy"]),
        (["--machine", "xeon", "--strategy", "v6.7"], ["--machine: unknown machine"]),
        (["--comm", "redis"], ["--comm: must be one of redis-server"]),
    ],
)
def test_bad_input(
    words: list[str], messages: list[str], profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["share", str(profile), *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(map(str.startswith, lines, messages)), lines
