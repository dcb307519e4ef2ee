"""Faults that have nothing to do with each other are told at once, by every command."""

from __future__ import annotations

import shlex

import pytest

from costmodel.cli.main import main

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
    "check v6.70 no.py:f": ("(got 'v6.70')", "no.py: no such file"),
}


@pytest.mark.parametrize("words", CASES)
def test_every_fault_has_its_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    told = " ".join(line.strip() for line in err.splitlines())
    for fault in CASES[words]:
        assert fault in told, err
    assert max(map(len, err.splitlines())) <= 76
