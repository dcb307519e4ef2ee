"""Keys that no longer say anything: accepted, and said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import find_file

OLD = "  build_layout_pct: {value: 5, low: 1, high: 8, kind: inferred, source: mine}\n"


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A machine file of before: with the band that the range over builds replaced."""
    text = find_file("machines", "xeon-4210r").read_text()
    file = tmp_path / "mine.yaml"
    file.write_text(re.sub(r"(?m)^noise:\n", f"noise:\n{OLD}", text, count=1))
    return file


def test_a_file_with_the_old_key_is_accepted_with_a_warning(old_file: Path) -> None:
    place = r"mine.yaml:\d+:\d+: noise.build_layout_pct: is no longer read"
    with pytest.warns(FutureWarning, match=place):
        machine = Machine.load(old_file)
    assert machine.noise == load_machine("xeon-4210r").noise


def test_setting_it_changes_nothing_and_is_said() -> None:
    machine = load_machine("xeon-4210r")
    with pytest.warns(FutureWarning, match="is no longer read"):
        assert machine.with_value("noise.build_layout_pct", 3) == machine


@pytest.mark.filterwarnings("default")
def test_the_command_says_it_in_one_sentence(
    old_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--machine", str(old_file), "--strategy", "v6.7", "--no-noise"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("warning: ")
    assert "noise.build_layout_pct: is no longer read, the range over recorded builds" in said


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("options", "overrides", "place"),
    [
        (["--set", "noise.build_layout_pct=3"], "", "--set"),
        ([], "overrides:\n  noise.build_layout_pct: 3\n", "mine.yaml:9:27"),
    ],
    ids=["option", "scenario"],
)
def test_an_override_of_it_is_said_where_it_stands(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    overrides: str,
    place: str,
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: t\noperation: fork\nmachines: [xeon-4210r]\nmemory: 4 MiB\n"
        f"strategies: [v6.7]\nbaseline: v6.7\nfolio_orders: [9]\n{overrides}"
    )
    assert main(["run", str(file), "--no-noise", *options]) == 0
    said = "".join(capsys.readouterr().err.split())  # a long path is broken anywhere
    assert f"{place}:noise.build_layout_pct:isnolongerread" in said
    assert said.count("isnolongerread") == 1
