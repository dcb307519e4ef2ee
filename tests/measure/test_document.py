"""The file of ``measure --json``: read back strictly, every fault at once."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.measure.document import document, read_measured
from costmodel.measure.machine_text import machine_text
from costmodel.measure.operations import Measured, Operations
from costmodel.measure.prediction import Compared
from costmodel.measure.readings import Number
from costmodel.measure.session import Session
from costmodel.measure.system import read_system

LIES = "30% scattered, runs of 128 KiB"
ONE = Measured("munmap", 4, 1 << 24, [5000, 4000, 9000], "lay so", LIES, 1 << 30)
ROW = Compared(ONE, "v6.7", 8000.0)


@pytest.fixture
def content() -> dict[str, Any]:
    numbers = [Number("core.width", 8, 8, 8, "NOPs"), Number("core.colour", 1, 1, 1, "a look")]
    made = machine_text(
        numbers, load_machine("epyc-zen5"), name="mine", title="Mine", origin="here"
    )
    session = Session("2026-11-28", 1, (0.5, 0.6))
    operations = Operations(
        [ROW.measured],
        {"fork writable": [3, 4]},
        {"a call": [7, 5]},
        9,
        lacking=["order 2: refused"],
    )
    return document(read_system(), session, numbers, made, operations, [ROW])


def test_what_was_measured_comes_back(content: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    (one,) = read_measured(file).measured
    assert (one.operation, one.order, one.memory_bytes) == ("munmap", 4, 1 << 24)
    assert (one.least_ns, one.median_ns) == (4000, 5000)
    assert (one.layout, one.frames, one.frames_over_bytes) == ("lay so", LIES, 1 << 30)
    assert read_measured(file).small_ns == {"a call": 5}


def test_files_of_version_0_3_say_less_of_the_frames(
    content: dict[str, Any], tmp_path: Path
) -> None:
    row = content["operations"][0]
    del row["frames"], row["frames_over_bytes"]
    for scattered, frames in ((True, "scattered"), (False, "contiguous")):
        file = tmp_path / "old.json"
        file.write_text(json.dumps(content | {"operations": [row | {"scattered": scattered}]}))
        (one,) = read_measured(file).measured
        assert (one.frames, one.frames_over_bytes) == (frames, None)


def test_a_prediction_and_its_ratio_stand_beside(content: dict[str, Any]) -> None:
    (row,) = content["operations"]
    assert (row["predicted_ns"], row["ratio"], row["strategy"]) == (8000.0, 2.0, "v6.7")


def test_numbers_say_whether_they_were_written(content: dict[str, Any]) -> None:
    written = {each["key"]: each["written"] for each in content["numbers"]}
    assert written == {"core.width": "yes", "core.colour": "no such key"}


def test_what_is_lacking_is_said(content: dict[str, Any]) -> None:
    assert content["lacking"] == ["order 2: refused"]


def faults(content: object, tmp_path: Path) -> list[str]:
    file = tmp_path / "bad.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigError) as caught:
        read_measured(file)
    return [str(fault).replace(str(file), "bad.json") for fault in caught.value.faults]


def test_every_fault_is_named_at_once(content: dict[str, Any], tmp_path: Path) -> None:
    content["operations"][0] |= {"order": 99, "ns": {"least": -1.0, "p10": 1.0, "median": 1.0}}
    first, second = faults(content, tmp_path)
    assert re.match(r"bad.json:1:\d+: operations\[0\].order: must be at most 9 \(got 99", first)
    assert re.match(r"bad.json:1:\d+: operations\[0\].ns.least: must be at least 1", second)


def test_frames_over_less_than_the_memory_are_refused(
    content: dict[str, Any], tmp_path: Path
) -> None:
    content["operations"][0]["frames_over_bytes"] = 4096
    (fault,) = faults(content, tmp_path)
    assert "operations[0].frames_over_bytes: must be at least the size of what is present" in fault


def test_another_file_is_refused(tmp_path: Path) -> None:
    (fault,) = faults("no JSON", tmp_path)
    assert fault.startswith("bad.json:1:1: is no JSON")
    assert any("format" in fault for fault in faults({"format": "result"}, tmp_path))


def test_a_file_without_operations_says_why(content: dict[str, Any], tmp_path: Path) -> None:
    (fault,) = faults(content | {"operations": []}, tmp_path)
    assert "measured with --no-validate?" in fault
