"""What ``make bench`` prints, and what it compares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, main
from benchmarks.measurement import Measurement
from benchmarks.table import WIDTH, compare, quantity, show


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5, "s", "2.50 s"),
        (0.0123, "s", "12.3 ms"),
        (0.123, "s", "123 ms"),
        (0.000002, "s", "2.00 us"),
        (21234.5, "x", "21,234 x"),
    ],
)
def test_three_digits_and_a_unit(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_a_target_is_met_or_missed() -> None:
    assert show(Measurement("one cell", 0.02, "s", 0.03)).endswith("ok")
    assert show(Measurement("one cell", 0.04, "s", 0.03)).endswith("MISSED")
    assert show(Measurement("ratio", 3.0, "x", 2.0, more=True)).endswith("ok")
    assert Measurement("no target", 1.0, "s").met is None


def test_comparison_says_how_many_times_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for name, seconds, rate in (("old", 0.4, 50.0), ("new", 0.1, 100.0)):
        results = [
            {"name": "one cell", "value": seconds, "unit": "s"},
            {"name": "8 cells, 2 workers", "value": rate, "unit": "cells/s", "more": True},
        ]
        files.append(tmp_path / name)
        files[-1].write_text(json.dumps({"environment": {}, "results": results}))
    assert main(["--compare", *map(str, files)]) == 0
    _, time, speed = capsys.readouterr().out.splitlines()
    assert time.split()[-1] == "4.00x"
    assert speed.split()[-1] == "2.00x"


def test_lines_fit_into_a_mail() -> None:
    name = "n" * 99
    for long in (
        Measurement(name, 123.4, "cells/s", more=True),
        Measurement(name, 61234.0, "x", 20_000, more=True),
        Measurement(name, 0.123, "s", 0.03),
    ):
        assert max(len(line) for line in show(long).splitlines()) <= WIDTH
        assert max(len(line) for line in compare({name: long}, [long])) <= WIDTH


def test_a_suite_can_be_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert main(["evaluation", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["results"]
    assert [one["unit"] for one in results] == ["s", "s"]
    assert all(one["value"] > 0 for one in results)
    assert "other numbers, arm64" in capsys.readouterr().out


def test_suites_that_are_none_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    from benchmarks.suites import SUITES

    assert tuple(SUITES) == NAMES
