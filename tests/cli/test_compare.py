"""``costmodel compare``: exit codes and messages."""

from __future__ import annotations

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
    with pytest.raises(SystemExit) as error:
        main(["compare", *files, f"--fail-above={limit}"])
    assert error.value.code == 2
    assert "must be a percentage" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("form", "first"), [("csv", "machine,folio_layout,strategy,old_s,new_s"), ("markdown", "old: ")]
)
def test_other_programs_get_another_form(
    files: tuple[str, str], form: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *files, "--format", form, "--fail-above", "3"]) == 1
    assert capsys.readouterr().out.startswith(first)
