"""The list of strategies."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.operations.registry import operation_names
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.sources import source_of_strategy


@pytest.mark.parametrize("operation", operation_names())
def test_one_whole_line_for_each(operation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "--operation", operation]) == 0
    listed, _, whose = capsys.readouterr().out.partition("\n\n")
    head, *lines = listed.splitlines()
    assert "Recorded of unmodified source" in whose
    names = [line.split()[0] for line in lines]
    assert [name.rstrip("*") for name in names] == list(built_in(operation))
    assert all(len(line) <= 76 and line.isascii() and "..." not in line for line in [head, *lines])
    assert [n for n in names if n.endswith("*")] == [n for n in names if n.startswith("contpte")]


def test_what_stands_behind_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "contpte-per-pte"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "contpte-per-pte: no batching: three converts per block",
        "  source       recreated from the loop of v6.7, with contpte",
        "  arm64        v4_before_change.arm64_contpte",
        "    builds     gcc12-booted, gcc12, gcc13, gcc14, gcc12-distro, gcc13-distro",
        "  arm64 range  v4_before_change_range_tlbi.arm64_contpte",
    ]


def test_what_is_said_to_be_as_released_is_unmodified_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["strategies", "folio-batch-v6.12", "folio-batch-v6.9"]) == 0
    real, recreated = capsys.readouterr().out.split("folio-batch-v6.9:")
    assert "unmodified: Linux 6.12.117" in real
    assert "recreated from generic batching as merged in v6.9" in recreated


def test_every_program_says_where_its_source_is_from() -> None:
    for strategy in built_in("fork").values():
        assert source_of_strategy(strategy) is not None, strategy.name


def test_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "v6.70"]) == 2
    assert capsys.readouterr().err == (
        "STRATEGY: unknown strategy, did you mean 'v6.7'? (got 'v6.70')\n"
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_strategy_that_fails_is_one_line_and_no_output(
    jobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def f(fork):\n    yield 42\n")
    words = ["run", "--machine", "ampere-altra", "--strategy", "mine.py:f", "--no-noise"]
    assert main([*words, "--json", "out.json", "--jobs", jobs]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "mine.py:2:0: strategy: must yield steps or micro-ops (got 42, an int)\n"
    assert not Path("out.json").exists()
