"""``costmodel compare``: exit codes and messages."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat
from tests.results.made import versus


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(versus(0.005, ("folio-batch-v6.9", 0.004))))
    new.write_text(json.dumps(versus(0.0052, ("folio-batch-v6.9", 0.004))))
    return str(old), str(new)


@pytest.mark.parametrize(("limit", "code"), [("3", 1), ("3%", 1), ("5", 0), ("0", 1)])
def test_fail_above_ends_with_1(
    files: tuple[str, str], limit: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files, "--fail-above", limit]) == code
    assert ("1 of 2 cells slower" in capsys.readouterr().out) == bool(code)


def test_without_a_limit_a_change_is_no_failure(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files]) == 0
    out = capsys.readouterr().out
    assert "4.0%" in out and "~" in out and "geometric mean" in out


def test_faster_is_never_a_failure(files: tuple[str, str]) -> None:
    assert main(["compare", *files[::-1], "--fail-above", "0"]) == 0


def test_both_bad_files_are_named(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    assert main(["compare", str(bad), str(tmp_path / "gone.json")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    faults = [line for line in captured.err.splitlines() if not line.startswith("  ")]
    assert len(faults) == 2 and "Traceback" not in captured.err


@pytest.mark.parametrize("limit", ["-1", "nan", "inf", "x"])
def test_the_limit_must_be_a_percentage(
    files: tuple[str, str], limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files, f"--fail-above={limit}"]) == 2
    assert "must be a percentage" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("form", "first"), [("csv", "machine,folio_layout,strategy,old_s,new_s"), ("markdown", "old: ")]
)
def test_other_programs_get_another_form(
    files: tuple[str, str], form: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files, "--format", form, "--fail-above", "3"]) == 1
    assert capsys.readouterr().out.startswith(first)


@pytest.fixture
def three(files: tuple[str, str], tmp_path: Path) -> tuple[str, str, str]:
    third = tmp_path / "third.json"
    third.write_text(json.dumps(versus(0.005, ("folio-batch-v6.9", 0.003), ("v6.8", 0.005))))
    return *files, str(third)


def test_several_files_stand_beside_the_first(
    three: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *three]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("  ")}
    assert rows["v6.7"] == ["5.000", "4.0%", "~"]
    assert rows["folio-batch-v6.9"] == ["4.000", "~", "-25.0%"]
    assert all(line.isascii() and len(line) <= 76 for line in out.splitlines() if "/" not in line)
    assert "v6.8" in out.partition("Not in")[2]


def test_the_legend_of_several_files_names_the_tests_of_all(
    three: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One has the seed of the first file, and its runs are compared in pairs; the other has not."""
    document = json.loads(Path(three[2]).read_text())
    document["provenance"]["seed"] += 1
    Path(three[2]).write_text(json.dumps(document))
    assert main(["compare", *three]) == 0
    out = flat(capsys.readouterr().out)
    assert "paired t for files of the same seed" in out and "else Welch's t" in out
    assert "p and interval" not in out  # which have no columns here
    assert main(["compare", *three[:2]]) == 0
    assert "p and interval: paired t" in flat(capsys.readouterr().out)


def test_one_of_several_files_is_enough_to_fail(three: tuple[str, str, str]) -> None:
    first, slower, faster = three
    assert main(["compare", first, faster, slower, "--fail-above", "3"]) == 1
    assert main(["compare", first, faster, "--fail-above", "3"]) == 0


def test_a_program_gets_a_line_per_cell_and_file(
    three: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *three, "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [line["new_file"] for line in lines] == [three[1], three[1], three[2], three[2]]
    assert main(["compare", *three, "--format", "markdown"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1 and len(table) == 4


def test_every_file_that_does_not_fit_is_named(
    three: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = versus(0.005, ("folio-batch-v6.9", 0.004))
    for cell in other["cells"]:
        cell["runs"] = 8
        cell["iterations"] = 7
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(other))
    assert main(["compare", three[0], str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    said = flat(capsys.readouterr().err)
    assert "a.json" in said and "b.json" in said
