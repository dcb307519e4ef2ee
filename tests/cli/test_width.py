"""Everything that is printed fits a plain-text mail: 76 columns of ASCII."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.cli import main as cli

LONG = "x" * 40
ALTRA = "--machine ampere-altra --memory '2 MiB'"
XEON = "--machine xeon-4210r --memory '2 MiB'"
STORM = "--set tlbi.broadcast_ns=99999 --set cpus=80"
OUTPUTS = [
    f"run {ALTRA} --strategy contpte-per-pte --order 9",
    f"run {ALTRA} --strategy contpte-per-pte --order 9 {STORM}",
    f"run {XEON} --strategy v6.7 --order '{{0: 10%, 2: 10%, 4: 80%}}' --set core.width=3",
    f"run {XEON} --strategy v6.7 --frames scattered --set core.width=3 --set noise.iteration_pct=0",
    "run --machine graviton3 --strategy v6.7 --operation zap --memory '2 MiB'",
    "machines",
    "machines ampere-altra sapphire-rapids",
    "strategies",
    "strategies --operation zap",
    "strategies contpte-per-pte",
    "explain ampere-altra contpte-folio-batch-noyoungdirty --order 9 --memory '2 MiB'",
    f"explain ampere-altra contpte-per-pte --order 9 --memory '2 MiB' {STORM}",
    f"breakeven contpte-folio-batch-noyoungdirty {ALTRA} --over folio_order",
    f"breakeven contpte-per-pte {ALTRA} --order 9 --over tlbi_ns",
    f"breakeven contpte-per-pte {ALTRA} --over atomics.store_only_cycles=1,9 --over tlbi_ns=1,2",
    "plot scenario.yaml --ascii",
    "plot scenario.yaml",
    "check v6.7 folio-batch-off-by-one --layouts 3",
    "compare old.json new.json",
    "trace xeon-4210r v6.7 --memory '2 MiB' -o trace.json",
]
"""Commands that end well; the storms have numbers that no table was made for."""
ERRORS = [
    f"run --machine {LONG} --strategy {LONG} --order {LONG} --set {LONG}",
    "run --machine ampere-altra --strategy mine.py",
    f"run --jobs {LONG}{LONG}",
    f"machines {LONG}",
    f"strategies {LONG}",
    f"explain xeon-4210r {LONG}",
    f"explain ampere-altra v6.7 --set tlbi.{LONG}=1",
    f"breakeven v6.7 {XEON} --over tlbi_ns",
    f"breakeven v6.7 {XEON} --over {LONG}",
    f"breakeven v6.7 {XEON} --over {LONG}=1..2 --over core.width={LONG} -o {LONG}",
    f"plot scenario.yaml --kind {LONG}",
    "plot scenario.yaml --ptes 0",
    f"compare old.json {LONG}",
    "calibrate epyc-zen4",
    f"check {LONG}",
    "validate --json .",
    "trace xeon-4210r v6.7 --first -1 -o trace.json",
    LONG,
]
SCENARIO = """\
title: a title that says a little more than there is room for in one line of a plain-text mail
operation: fork
memory: 2 MiB
machines: [ampere-altra]
folio_orders: [0, 9, {0: 12.5%, 2: 12.5%, 3: 25%, 4: 50%}]
baseline: v6.7
strategies: [contpte-folio-batch-noyoungdirty, contpte-per-pte]
protocol: {runs: 3, iterations: 4, seed: 1}
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a scenario and two result files."""
    made = tmp_path_factory.mktemp("width")
    (made / "scenario.yaml").write_text(SCENARIO)
    for name, seed in (("old", "1"), ("new", "2")):
        words = ["run", str(made / "scenario.yaml"), "--seed", seed]
        assert cli.main([*words, "--json", str(made / f"{name}.json")]) == 0
    return made


def assert_mailable(text: str) -> None:
    assert text.isascii()
    assert [line for line in text.splitlines() if len(line) > 76] == []
    assert not [c for c in text if not c.isprintable() and c != "\n"]


def assert_straight(text: str) -> None:
    """The bars of a table stand below each other."""
    tables = [block.splitlines() for block in text.split("\n\n")]
    for table in (t for t in tables if t and all(line.startswith("|") for line in t)):
        assert len({len(line) for line in table}) == 1
        rule = next(line for line in table if set(line) == {"|", "-"})
        bars = [at for at, c in enumerate(rule) if c == "|"]
        for line in table:
            assert {at for at, c in enumerate(line) if c == "|"} <= set(bars)


@pytest.mark.parametrize("line", OUTPUTS, ids=str)
def test_what_a_command_prints(
    line: str, directory: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(directory)
    assert cli.main(shlex.split(line)) == (1 if "off-by-one" in line else 0)
    out = capsys.readouterr().out
    assert out.endswith("\n") and not out.endswith("\n\n")
    assert_mailable(out)
    assert_straight(out)


def test_no_label_of_a_table_is_cut_where_there_is_room(capsys: pytest.CaptureFixture[str]) -> None:
    words = f"run {XEON} --operation mprotect --strategy folio-batch-v6.17 --no-noise"
    assert cli.main(shlex.split(words)) == 0
    assert "|   v6.12, same build |" in capsys.readouterr().out


@pytest.mark.parametrize("line", ERRORS, ids=str)
def test_what_is_wrong(
    line: str, directory: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(directory)
    monkeypatch.setenv("COLUMNS", "200")
    try:
        code = cli.main(shlex.split(line))
    except SystemExit as error:
        code = int(error.code or 0)
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    for printed in captured.err.splitlines():
        assert len(printed) <= 76, printed
    assert captured.err.isascii()


@pytest.mark.parametrize("name", [*cli.available(), ""])
def test_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main([word for word in (name, "--help") if word])
    assert_mailable(capsys.readouterr().out)


def test_only_the_place_of_a_fault_is_longer_than_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Editors and terminals follow ``file:line:column:``, so that is not broken."""
    file = tmp_path / LONG / LONG / "s.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SCENARIO + f"key{LONG * 4}: 1\n")
    assert cli.main(["run", str(file)]) == 2
    place, *rest = capsys.readouterr().err.splitlines()
    assert place == f"{file}:9:1:"
    assert len(rest) > 1 and max(map(len, rest)) <= 76


def test_what_goes_wrong_in_a_file_of_many_faults(tmp_path: Path) -> None:
    """The first fifty of 20,000 faults, and how many there are."""
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO + "".join(f"key{i}: 1\n" for i in range(20_000)))
    words = [sys.executable, "-m", "costmodel", "run", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("unknown key") == 50
    assert done.stderr.endswith("... and 19950 more faults\n")
