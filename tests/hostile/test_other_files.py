"""Damaged files of measured things: read, or refused line by line; nothing else ever happens."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from costmodel.config.errors import ConfigError
from costmodel.config.overrides import load_with_overrides
from costmodel.layout.found import read_layout
from costmodel.layout.scenario_text import scenario_text
from costmodel.loops.form import read_loops
from costmodel.measure.document import read_measured
from costmodel.profile.read import read_profile
from costmodel.profile.shares import LOOPS, share_of
from costmodel.results.plots.sweep import sweep_picture
from costmodel.results.reading import read_results
from costmodel.results.text.layout_found import layout_text
from costmodel.results.text.measured import operations_text
from costmodel.strategies.resolve import NamesByOperation
from costmodel.sweeps.file import load_study
from costmodel.sweeps.folder import SweepFolder
from costmodel.sweeps.study import sweep_study
from tests.hostile.mutations import damaged_data, damaged_text
from tests.hostile.test_files import SCENARIO, hostile, refusal, with_place, yaml_texts
from tests.layout.system import smaps

LOOPS_FILE = """\
- {name: adds, ops: [[add, 8, chain]], cycles: 8.03}
- name: locks
  ops: [[lock, 2, new-line], [load, 3, forward-2], [branch, 1, independent]]
  repeat: 3
"""
STUDY = (
    SCENARIO
    + """\
over:
  ampere-altra.tlbi.broadcast_ns: 1..1000
  memory: [4 MiB, 8 MiB]
sample: sobol
points: 8
sample_seed: 1
"""
)
SCRIPT = """\
redis-server  4242 [001]  1234.567890:     250000 cycles:P:
\tffffffff8112b3c4 copy_page_range+0x1a4 ([kernel.kallsyms])
\tffffffff810a1b2c dup_mm+0x2c ([kernel.kallsyms])
\t    7f1234567890 fork+0x10 (/usr/lib/libc.so.6)

bash  17 1234.600000: 1000 cycles:P:  ffffffff8112b3c4 zap_pte_range+0x4 ([kernel.kallsyms])
"""
REPORT = """\
# Samples: 12K of event 'cycles:P'
#
# Overhead  Command       Shared Object      Symbol
# ........  ............  .................  ........................
#
    18.40%  redis-server  [kernel.kallsyms]  [k] copy_present_ptes
            |
            ---copy_page_range
               |
               |--12.00%--dup_mm
               |
                --6.40%--[...]

     9.70%  redis-server  [kernel.kallsyms]  [k] zap_pte_range.isra.0
"""


def _measured() -> dict[str, object]:
    times = {"least": 5e5, "p10": 5e5, "median": 6e5}
    row = {
        "operation": "munmap", "order": 4, "memory_bytes": 16 << 20, "layout": "lay so",
        "scattered": False, "ns": times, "strategy": "v6.7", "predicted_ns": 4e5,
    }  # fmt: skip
    system = {"kernel": "6.12.0", "isa": "x86_64", "model_name": "Box", "pte_functions": ["__pte"]}
    content = {"format": "costmodel measured, 1", "date": "2026-11-28", "system": system}
    return {**content, "operations": [row, {**row, "order": 9}]}


MEASURED = _measured()
SMAPS = smaps((8192, 8192, 0), (4096, 4096, 2048))


def planned(path: Path) -> None:
    names = NamesByOperation()
    file = load_study(str(path), strategies=names)
    scenario, machines = load_with_overrides(file.scenario, strategies=names)
    if file.axes:  # else nothing of the file is wrong: the command lacks --over
        sweep_study(scenario, machines, file.axes, file.design, places=file.places)


def shown(path: Path) -> None:
    file = read_measured(path)
    printed = operations_text([row.compared() for row in file.operations], "Box")
    assert printed.replace("\n", "").isprintable()


def shares(path: Path) -> None:
    profile = read_profile(path)
    for operation in LOOPS:
        share = share_of(profile, operation)
        assert 0 <= share.low <= share.share <= share.high <= 1


def scenario(path: Path) -> None:
    found = read_layout(str(path))
    assert layout_text(found).isascii()
    assert yaml.safe_load(scenario_text(found, ["xeon-4210r"], "fork", "2026-11-28"))


def test_what_gets_damaged_is_whole_before(tmp_path: Path) -> None:
    assert not refusal(read_loops, tmp_path / "loops.yaml", LOOPS_FILE)
    assert not refusal(planned, tmp_path / "study.yaml", STUDY)
    assert not refusal(shown, tmp_path / "measured.json", json.dumps(MEASURED))
    assert not refusal(shares, tmp_path / "perf.txt", SCRIPT)
    assert not refusal(shares, tmp_path / "perf.txt", REPORT)
    assert not refusal(scenario, tmp_path / "redis.smaps", SMAPS)


@given(yaml_texts(LOOPS_FILE))
@hostile
def test_loops(tmp_path: Path, text: str) -> None:
    refusal(read_loops, tmp_path / "loops.yaml", text)


@given(yaml_texts(STUDY))
@hostile
def test_studies(tmp_path: Path, text: str) -> None:
    refusal(planned, tmp_path / "study.yaml", text)


measured_texts = st.one_of(
    damaged_data(MEASURED).map(lambda data: json.dumps(data, indent=1)),
    damaged_text(json.dumps(MEASURED, indent=1)),
)


@given(measured_texts)
@hostile
def test_measured_machines(tmp_path: Path, text: str) -> None:
    refusal(shown, tmp_path / "measured.json", text)


@given(st.sampled_from((SCRIPT, REPORT)).flatmap(damaged_text))
@hostile
def test_profiles(tmp_path: Path, text: str) -> None:
    refusal(shares, tmp_path / "perf.txt", text)


@given(damaged_text(SMAPS))
@hostile
def test_smaps(tmp_path: Path, text: str) -> None:
    refusal(scenario, tmp_path / "redis.smaps", text)


SWEPT = {
    "schema": 1, "kind": "sweep", "version": "0.2.0", "title": "a sweep",
    "scenario": {"operation": "fork", "baseline": "v6.7"}, "machines": {"ampere-altra": "0" * 64},
    "over": {"tlbi.broadcast_ns": "1..100:3"}, "points": 3, "cells": 6, "chunks": 1,
    "format": "npz",
}  # fmt: skip


def drawn(path: Path) -> None:
    """Draw the sweep that a ``study.json`` says to be there; its pieces are missing."""
    folder = SweepFolder.opened(path.parent)
    with pytest.raises(ConfigError, match=r"nothing of it is computed|no number varies"):
        sweep_picture(folder)


@given(
    st.one_of(
        damaged_data(SWEPT).map(lambda data: json.dumps(data, indent=1)),
        damaged_text(json.dumps(SWEPT, indent=1)),
    )
)
@hostile
def test_folders_of_sweeps(tmp_path: Path, text: str) -> None:
    refusal(drawn, tmp_path / "study.json", text)


def test_a_folder_whose_study_was_cut_off_says_where(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    (line,) = refusal(drawn, file, json.dumps(SWEPT, indent=1)[:100])
    assert with_place(file)(line) and "is no JSON" in line
    (line,) = refusal(drawn, file, json.dumps(SWEPT | {"chunks": "x"}, indent=1))
    assert with_place(file)(line) and "chunks: must be an integer (got 'x')" in line


def test_a_fault_of_a_study_stands_where_it_was_said(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    (line,) = refusal(planned, file, STUDY.replace("[4 MiB, 8 MiB]", "[1, 8 MiB]"))
    assert with_place(file)(line) and "memory: must be a multiple of the page size" in line


@pytest.mark.parametrize("least", [0.3, 0, -1])
def test_nothing_takes_no_time(tmp_path: Path, least: float) -> None:
    text = json.dumps(MEASURED).replace('"least": 500000.0', f'"least": {least}')
    lines = refusal(read_measured, tmp_path / "measured.json", text)
    assert len(lines) == 2 and all("ns.least: must be at least 1" in line for line in lines)


def test_a_file_without_operations_is_named(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    (line,) = refusal(shown, file, json.dumps({**MEASURED, "operations": []}))
    assert line == f"{file}: has no operations: measured with --no-validate?"


def test_a_branch_left_of_its_call_graph(tmp_path: Path) -> None:
    """It once ended in a traceback."""
    text = REPORT.replace("               |--12.00%", "  |--12.00%")
    assert text != REPORT and not refusal(shares, tmp_path / "perf.txt", text)


@pytest.mark.parametrize(
    ("text", "number"),
    [(SCRIPT, "250000"), (REPORT, "18.40"), (REPORT, "9.70"), (REPORT, "12K")],
)
def test_numbers_that_no_profile_has(tmp_path: Path, text: str, number: str) -> None:
    """A period of 400 digits once made a share that is no number."""
    file = tmp_path / "perf.txt"
    for wrong in ("9" * 400, "1.2.3"):
        assert refusal(shares, file, text.replace(number, wrong, 1)) or number == "12K"


def test_entries_of_a_report_are_parts_of_one_event(tmp_path: Path) -> None:
    entry = next(line for line in REPORT.splitlines(keepends=True) if "18.40%" in line)
    (line,) = refusal(shares, tmp_path / "perf.txt", REPORT + 8 * entry)
    assert "has entries of more than 100% of an event (got 175.3%)" in line


@pytest.mark.parametrize(
    "read", [read_loops, planned, read_measured, read_profile, read_results, scenario]
)
@pytest.mark.parametrize("kind", ["fifo", "endless"])
def test_what_has_no_end_is_refused(
    read: Callable[[Path], object], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes to, and a device that is never at its end, whatever reads them."""
    monkeypatch.setattr("costmodel.profile.read._LARGEST_BYTES", 1 << 20)
    monkeypatch.setattr("costmodel.layout.found._LARGEST_BYTES", 1 << 20)
    monkeypatch.setattr("costmodel.config.json_text.LARGEST_FILE_BYTES", 1 << 20)
    path = tmp_path / "it.yaml"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match=r"is a pipe|is larger than"):
        read(path)
