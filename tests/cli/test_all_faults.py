"""Faults that have nothing to do with each other are told at once, by every command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costmodel.cli.main import _load, available, main
from costmodel.cli.parser import Parser

NOWHERE = "/proc/no/x"
CASES = {
    f"run --machine nomach --strategy v6.70 --order x --seed -1 --json {NOWHERE}": (
        *("--machine: unknown", "--strategy: unknown", "--order: must be", "--seed: must be"),
        "--json: cannot be written",
    ),
    f"run --machine xeon-4210r --seed x --json {NOWHERE}": (
        *("--strategy: needed", "--seed: must be", "--json: cannot be written"),
    ),
    f"run noscen --machine nomach --json {NOWHERE}": (
        *("SCENARIO: unknown", "--machine: unknown", "--json: cannot be written"),
    ),
    "machines nomach1 nomach2": ("(got 'nomach1')", "(got 'nomach2')"),
    "strategies v6.70 v6.80": ("(got 'v6.70')", "(got 'v6.80')"),
    f"explain nomach v6.70 --order x --json {NOWHERE}": (
        *("MACHINE: unknown", "STRATEGY: unknown", "--order: must be", "--json: cannot be written"),
    ),
    f"breakeven v6.9 --machine nomach --over x=2..1 -o x.txt --json {NOWHERE}": (
        *("STRATEGY: unknown", "--machine: unknown", "--over: x: must begin below its end"),
        *("-o: must end in", "--json: cannot be written"),
    ),
    f"breakeven v6.8 --machine xeon-4210r --over threads --over cpus=0..4:3 --json {NOWHERE}": (
        *("--over: cpus: must be whole numbers that exist", "(got 0..4:3)", "--json: cannot be"),
    ),
    "breakeven v6.8 --machine xeon-4210r --over core.widht --order x": (
        *("--order: must be", "--over: unknown key, did you mean 'core.width'"),
    ),
    "breakeven v6.8 --machine xeon-4210r --over folio_order --over folio_share=2": (
        *("--over: folio_order and folio_share both set folio_orders", "folio_share: must be"),
    ),
    "breakeven v6.8 --machine xeon-4210r --over folio_order=1,2,10,x": ("(got 1,10,x)",),
    f"sensitivity nomach v6.70 -o x.txt --json {NOWHERE}": (
        *("MACHINE: unknown", "STRATEGY: unknown", "-o: must end in", "--json: cannot be written"),
    ),
    f"sweep noscen --machine nomach --over x=2..1 --points x -o {NOWHERE}": (
        *("STUDY: unknown", "--machine: unknown", "--over: x: must begin", "--points: must be"),
        "-o: cannot be written",
    ),
    f"sweep lkml-fork --over core.widht --over core.width=x -o {NOWHERE}": (
        *("--over: core.widht: unknown", "--over: core.width: must be", "-o: cannot be written"),
    ),
    "sweep --machine ampere-altra --strategy contpte-per-pte --order 9 --sample foo --points -3"
    f" --over nosuch=1..2 --over tlbi.issue_ns=9..x --over memory=zz --jobs x -o {NOWHERE}": (
        *("--sample: must be 'grid', 'sobol' or 'lhs' (got 'foo')", "--points: must be at least 2"),
        *("--over: nosuch: unknown key", "--over: tlbi.issue_ns: must be LOW..HIGH"),
        *("--over: memory: must be a size", "--jobs: must be", "-o: cannot be written"),
    ),
    f"sweep --machine ampere-altra --strategy v6.70 --over core.widht=1,2 -o {NOWHERE}": (
        *("--strategy: unknown", "--over: core.widht: unknown", "-o: cannot be written"),
    ),
    "sweep --machine ampere-altra --strategy v6.8 -o y"
    " --over uncertain --over cpus=999 --over x=1": (
        *("--over: uncertain: are too many", "--over: cpus: must be at most 80", "--over: x: unkn"),
    ),
    "plot noscen --machine nomach --over x -o x.txt": (
        *("SCENARIO: unknown", "--machine: unknown", "--over: is for the folder", "-o: must end"),
    ),
    f"plot no.json --seed 3 --kind timeline --over x -o {NOWHERE}.svg": (
        *("no.json: cannot be read", "--seed: needs", "--kind timeline: needs"),
        *("--over: is for the folder", "-o: cannot be written"),
    ),
    "report noscen --machine nomach --over x=2..1 -o x.txt": (
        *("SCENARIO: unknown", "--machine: unknown", "--over: x: must begin", "-o: must end in"),
    ),
    f"report lkml-fork --over core.widht -o {NOWHERE}.html": (
        *("--over: core.widht: unknown", "-o: cannot be written"),
    ),
    f"report no.json --seed 3 --no-noise -o {NOWHERE}.html": (
        *("no.json: cannot be read", "--seed: needs", "--no-noise: needs", "-o: cannot be"),
    ),
    f"trace nomach v6.70 --format cpus --ptes 3 --order x -o {NOWHERE}": (
        *("MACHINE: unknown", "STRATEGY: unknown", "--ptes: is not for", "--order: must be"),
        "-o: cannot be written",
    ),
    "trace xeon-4210r v6.7 --ptes 1000 --first 999 -o x.json": (
        *("--ptes: must be at most 512", "--first: must be an entry"),
    ),
    f"loops nofile --machine nomach --json {NOWHERE}": (
        *("FILE: unknown", "--machine: unknown", "--json: cannot be written"),
    ),
    "calibrate nomach1 nomach2": ("(got 'nomach1')", "(got 'nomach2')"),
    "calibrate nomach --measured no.json --strategy v6.70": (
        *("MACHINE: unknown", "no.json: cannot be read", "--strategy: unknown"),
    ),
    f"validate nomach --strategy v6.70 --json {NOWHERE}": (
        *("MACHINE: unknown", "--measured: is missing", "--strategy: unknown", "--json: cannot"),
    ),
    f"measure --like nomach --strategy v6.70 --cpu 99999 --loops no -o x --json {NOWHERE}": (
        *("--like: unknown", "--strategy: unknown", "--cpu: must be", "--loops: unknown"),
        *("-o: must end with .yaml", "--json: cannot be written"),
    ),
    f"share nofile --machine nomach --strategy v6.70 --json {NOWHERE}": (
        *("nofile: cannot be read", "--machine: unknown", "--strategy: unknown", "--json: cannot"),
    ),
    "share nofile --machine xeon-4210r --strategy @nope --build gcc99 --memory x": (
        *("nofile: cannot be read", "--strategy: no such archive", "--build: unknown build"),
        "--memory: must be a size",
    ),
    f"record --operation zapp --name 'a b' --cc 'cc \"' --build-tree no -o {NOWHERE}": (
        *("--operation: must be one of", "--name: must be letters", "--cc: must be a compiler"),
        *("no: must be a configured kernel build tree", "-o: cannot be written"),
    ),
    "record --like nope --operation zapp": (
        *("--like: no such archive", "--name: needed with --like", "--operation: must be one of"),
    ),
    f"layout 99999999 --machine nomach --operation x -o {NOWHERE}.yaml": (
        *("PID: no such process", "--machine: unknown", "--operation: unknown", "-o: cannot"),
    ),
    "check v6.7 --contpte": ("--contpte: is for file.py:function",),
    "cache --jobs 2": ("--jobs: needs --warm",),
    "plot lkml-fork --ptes 3 -o x.txt": ("--ptes: is for --kind timeline", "-o: must end in"),
    "measure --no-validate --strategy v6.7 --cpu 99999": (
        *("--strategy: predicts measured operations", "--cpu: must be"),
    ),
    "compare no1.json no2.json": ("no1.json: cannot be read", "no2.json: cannot be read"),
    f"run --machine xeon-4210r --strategy no.py:f --build gcc99 --set cpus=64 --json {NOWHERE}": (
        *("--strategy: no.py: no such file", "--build: unknown", "--set: cpus: must be at most 10"),
        "--json: cannot be written",
    ),
    f"explain xeon-4210r contpte-per-pte --json {NOWHERE}": (
        *("cannot be priced on xeon-4210r: arm64 only", "--json: cannot be written"),
    ),
    "check @nope no.py:f": ("no such archive: costmodel record writes nope", "no.py: no such file"),
    "check v6.70 no.py:f": ("(got 'v6.70')", "no.py: no such file"),
}


BAD = "no-such-word"
"""No option that is a number or one of some words can have this value."""


def options_with_types() -> Iterator[tuple[str, str]]:
    """Yield the commands and those of their options whose words argparse gives to a function."""
    for name in available():
        made: Any = Parser().add_subparsers()
        _load(name).add_parser(made)
        for action in made.choices[name]._actions:
            if action.type is not None:
                yield name, action.option_strings[0]


@pytest.mark.parametrize(("name", "option"), list(options_with_types()))
def test_a_bad_value_of_any_option_is_told_with_the_rest(
    name: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "x")] if name in ("sweep", "trace", "report") else []
    needed = {"trace": ["nomach", "v6.7"], "compare": ["no1", "no2"], "breakeven": ["v6.7"]}
    words = needed.get(name, ["nothing"] if name in ("plot", "share", "record") else [])
    try:
        assert main([name, *words, *out, option, BAD, "--bogus"]) == 2
    except SystemExit as error:
        assert error.code == 2  # where argparse misses a word
    out_text, err = capsys.readouterr()
    told = " ".join(line.strip() for line in err.splitlines())
    assert out_text == ""
    assert f"{option}: must be" in told and f"(got '{BAD}')" in told
    assert list(tmp_path.iterdir()) == []


NEEDED = {
    "trace": "xeon-4210r v6.7 -o /proc/no/x.json",
    "compare": "no1 no2",
    "breakeven": "v6.8 --machine xeon-4210r --over folio_order",
    "explain": "xeon-4210r v6.8",
    "sensitivity": "xeon-4210r v6.7",
    "plot": "lkml-fork -o /proc/no/x.svg",
    "report": "lkml-fork -o /proc/no/x.html",
    "sweep": "lkml-fork --over core.width=2..8:4 -o /proc/no/x",
    "share": "no.txt",
    "layout": "no",
    "record": "--build-tree no",
    "loops": "zen3 --machine epyc-milan",
}


@pytest.mark.parametrize("name", available())
def test_no_command_drops_an_unknown_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, *shlex.split(NEEDED.get(name, "")), "--bogus"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "--bogus: unknown option" in err


def test_a_sample_that_is_wrong_makes_no_fault_of_axes(capsys: pytest.CaptureFixture[str]) -> None:
    """A range without a number of points is one for a sample, and a fault of a grid alone."""
    asked = "sweep --machine ampere-altra --strategy v6.8 --over core.width=2..4 -o /tmp/none"
    assert main([*shlex.split(asked), "--sample", "sobl", "--points", "8"]) == 2
    assert capsys.readouterr().err == "--sample: must be 'grid', 'sobol' or 'lhs' (got 'sobl')\n"


def test_words_that_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "noscen", "more", "--jsn", "x.json", "--jobs=0", "--order", "x"]) == 2
    told = capsys.readouterr().err
    assert "SCENARIO: unknown scenario" in told and "more: is one word too many" in told
    assert "--jsn: unknown option, did you mean '--json'?\n" in told and "x.json" not in told
    assert "--jobs: must be an integer of at least 1 (got '0')" in told
    assert main(["run", "--seed", "1", "--seed=2", "--json", "a", "--json", "b"]) == 2
    told = capsys.readouterr().err
    assert "--seed: is given twice (got '2')" in told and "--json: is given twice" in told
    assert main(["machines", "--bogus"]) == 2
    assert capsys.readouterr().err == "--bogus: unknown option\n"
    assert main(["run", "--strat", "v6.7"]) == 2
    assert "--strat: unknown option, did you mean '--strategy'?\n" in capsys.readouterr().err
    assert main(["record", "--b"]) == 2
    assert "--b: unknown option, did you mean '--build-tree'?\n" in capsys.readouterr().err
    assert main(["--verson", "machines"]) == 2
    assert capsys.readouterr().err.startswith("--verson: unknown option, did you mean '--version'")


SCENARIO = """\
title: several things are wrong
operation: fork
machines: [xeon-4210r]
folio_orders: [9, 77]
memory: 64 MiB
baseline: v6.7
strategies: [v6.7, v6.99]
build: gcc99
overrides: {xeon-4210r.core.widht: 4}
"""


def test_a_file_tells_its_faults_with_those_of_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the schema refuses does not hide the rest: keys of machines, builds, options."""
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO)
    assert main(["run", str(file), "--set", "cpus=64", "--seed", "-1", "--json", NOWHERE]) == 2
    told = " ".join(line.strip() for line in capsys.readouterr().err.splitlines())
    for fault in (
        f"{file}:4:19: folio_orders[1]: ",
        f"{file}:7:20: strategies[1]: unknown strategy",
        f"{file}:8:8: build: unknown build",
        f"{file}:9:36: xeon-4210r.core.widht: unknown key",
        "--set: cpus: must be at most 10, the CPUs of xeon-4210r",
        *("--seed: must be", "--json: cannot be written"),
    ):
        assert fault in told


def test_a_machine_file_that_cannot_be_written_is_told_before_the_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costmodel.files.why_not", lambda path: "cannot be written: full")
    monkeypatch.setattr("costmodel.calibration.calibrate.calibrate", None)  # nobody gets so far
    assert main(["calibrate", "ampere-altra", "--write"]) == 2
    assert capsys.readouterr().err == "--write: cannot be written: full (got 'ampere-altra')\n"


@pytest.mark.parametrize("words", CASES)
def test_every_fault_has_its_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    told = " ".join(line.strip() for line in err.splitlines())
    for fault in CASES[words]:
        assert fault in told, err
    assert max(map(len, err.splitlines())) <= 76


def test_a_scenario_with_a_fault_is_not_said_to_have_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: mine\noperation: fork\nmemory: 16 MiB\nfolio_orders: [0]\nstate: fil\n"
        "machines: [ampere-altra]\nstrategies: [v6.7, folio-batch-v6.12]\nbaseline: v6.7\n"
        "build: gcc12-file\n"
    )
    assert main(["run", str(file)]) == 2
    assert capsys.readouterr().err.count(str(file)) == 1


def test_one_number_is_set_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_twice = ["--set", "core.width=4", "--set", "core.width=2"]
    assert main(["run", "--machine", "xeon-4210r", "--strategy", "v6.7", *set_twice]) == 2
    assert "--set: core.width: is given twice (got 2" in capsys.readouterr().err
