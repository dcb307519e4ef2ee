"""``costmodel trace``: files for pipeline viewers; their rules are tested in tests/timeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat

WORDS = ["trace", "ampere-altra", "contpte-per-pte", "--order", "4", "--ptes", "4"]


def test_perfetto_is_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out" / "trace.json"
    assert main([*WORDS, "-o", str(file)]) == 0
    assert json.loads(file.read_text())["traceEvents"]
    out = flat(capsys.readouterr().out)
    assert "micro-ops of 4 PTEs" in out
    assert (
        "(Ampere Altra, contpte-per-pte, fork, 1 GiB, writable, order-4, build gcc12-booted)" in out
    )


def test_kanata(tmp_path: Path) -> None:
    file = tmp_path / "trace.kanata"
    assert main([*WORDS, "--format", "kanata", "--first", "0", "-o", str(file)]) == 0
    assert file.read_text().startswith("Kanata\t0004\nC=\t0\n")


def test_several_cpus_have_a_track_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cpus.json"
    words = ["trace", "ampere-altra", "v6.7", "--format", "cpus", "-o", str(file)]
    assert main([*words, "--set", "cpus=3", "--set", "memory=4 MiB"]) == 0
    tracks = {event["tid"] for event in json.loads(file.read_text())["traceEvents"]}
    assert {1, 2, 3} <= tracks
    assert "operations of the first of 3 CPUs" in flat(capsys.readouterr().out)
    assert main(words) == 2
    assert "needs several of them" in flat(capsys.readouterr().err)
    assert main([*words, "--set", "cpus=3", "--ptes", "4"]) == 2
    assert "--ptes: is not for --format cpus" in flat(capsys.readouterr().err)


def test_a_table_that_moves_as_it_is_shows_no_number_of_ptes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["trace", "xeon-4210r", "whole-tables", "--operation", "mremap", "--ptes", "3"]
    assert main([*words, "-o", str(tmp_path / "trace.json")]) == 0
    assert "micro-ops of a whole page table" in flat(capsys.readouterr().out)


def test_a_number_of_the_machine_can_be_changed(tmp_path: Path) -> None:
    texts = []
    for options in ([], ["--set", "core.width=1"]):
        file = tmp_path / "trace.json"
        assert main([*WORDS, *options, "-o", str(file)]) == 0
        texts.append(file.read_text())
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*WORDS, "--first", "510"], "--first: entries must be of 0 to 511 (got 510 to 513)"),
        (["trace", "xeon-4210r", "contpte-per-pte"], "arm64 only"),
        (["trace", "xeon-4210", "v6.7"], "did you mean 'xeon-4210r'?"),
    ],
)
def test_bad_input_is_named(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "-o", str(tmp_path / "trace.json")]) == 2
    assert message in flat(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_a_file_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(WORDS)
    assert error.value.code == 2
    assert "-o" in flat(capsys.readouterr().err)
