"""How frames lie, as scenarios say it: in words or in part."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from costmodel.config.errors import ConfigError
from costmodel.config.frames import Frames, Scatter, scatter_of
from costmodel.config.scenario import load_scenario

FRAMES = TypeAdapter(Frames)
SCENARIO = """\
title: it
operation: fork
memory: 1 GiB
machines: [ampere-altra]
folio_orders: [0]
baseline: v6.7
"""


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("contiguous", Scatter(0.0, None)),
        ("aligned", Scatter(0.0, None)),
        ("scattered", Scatter(1.0, None)),
        ({"scattered": "30%"}, Scatter(0.3, None)),
        ({"scattered": 0.125, "run": "64 KiB"}, Scatter(0.125, 1 << 16)),
        ({"scattered": "100%"}, Scatter(1.0, None)),
    ],
)
def test_what_is_said_and_its_text_mean_the_same(said: object, means: Scatter) -> None:
    text = FRAMES.validate_python(said)
    assert scatter_of(text) == means
    assert FRAMES.validate_python(text) == text


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ("frames: wild", ["must be 'contiguous', 'aligned', 'scattered', or a part"]),
        ("frames: {run: 64 KiB}", ["or a part such as {scattered: 30%, run: 64 KiB}"]),
        (
            "frames: {scattered: 130%, run: 5000 B, width: 3}",
            ["a share such as 30%", "whole pages, such as 64 KiB", "no key of frames"],
        ),
        ("frames_over: 16 GiB", ["frames_over: has no meaning where frames are contiguous"]),
        ("frames: scattered\nframes_over: 1 MiB", ["at least the size of what is present, 1 GiB"]),
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path: Path, lines: str, faults: list[str]) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(SCENARIO + lines + "\n")
    with pytest.raises(ConfigError) as error:
        load_scenario(str(file))
    assert len(error.value.faults) == len(faults)
    for fault, text in zip(error.value.faults, faults, strict=True):
        assert text in str(fault)


def test_a_scenario_says_it_to_its_workloads(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(SCENARIO + "frames: {scattered: 30%}\nframes_over: 16 GiB\n")
    (workload,) = load_scenario(str(file)).workloads
    assert (workload.frames, workload.frames_over) == ("30% scattered", 16 << 30)
