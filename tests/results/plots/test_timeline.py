"""The picture of the window: readable, with the micro-ops that the timeline has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import costmodel
from costmodel.cli.main import main
from costmodel.config.errors import ConfigError
from costmodel.results.plots.picture import Picture


def window(machine: str = "xeon-4210r", strategy: str = "v6.7", ptes: int = 2) -> Picture:
    return costmodel.window(machine, strategy, ptes=ptes, memory="128 KiB")


def texts_of(picture: Picture) -> list[str]:
    return [str(text.get_text()) for text in picture.figure.findobj(Text)]


def says(picture: Picture, words: str) -> bool:
    return any(words in text for text in texts_of(picture))


@pytest.mark.parametrize(
    ("machine", "strategy", "ptes"),
    [
        ("xeon-4210r", "v6.7", 1),
        ("ampere-altra", "v6.7", 2),
        ("ampere-altra", "contpte-per-pte", 2),
    ],
)
def test_it_is_readable(
    machine: str, strategy: str, ptes: int, complaints: Callable[[Figure], list[str]]
) -> None:
    assert complaints(window(machine, strategy, ptes).figure) == []


def test_no_line_runs_through_what_held_retirement_up() -> None:
    (ax,) = window().figure.axes
    (retired,) = (data for line in ax.lines if (data := np.asarray(line.get_xdata())).size > 2)
    times = retired.astype(float).tolist()
    assert ax.texts
    for text in ax.texts:
        x, row = text.xy  # type: ignore[attr-defined]
        assert x >= max(times[max(0, row - 1) : row + 2])


def test_it_names_what_touches_memory_and_what_held_retirement_up() -> None:
    texts = texts_of(window())
    assert any(text.startswith("locked rmw struct page") for text in texts)
    assert any(text.startswith("locked ") and text.split()[1].isdigit() for text in texts)
    assert "fork of 128 KiB (writable): 2 PTEs in the out-of-order window" in texts
    assert says(window(), "xeon-4210r, v6.7, order-0 (4 KiB), build gcc12-booted. costmodel")


@pytest.mark.parametrize(
    ("machine", "strategy"),
    [("xeon-4210r", "folio-batch-v6.9"), ("ampere-altra", "contpte-folio-batch-v6.9")],
)
def test_the_command_and_the_function_draw_the_build_that_a_study_shows(
    machine: str, strategy: str, tmp_path: Path
) -> None:
    """By its name each of these strategies means the booted kernel, which no table shows."""
    file = tmp_path / "x.svg"
    words = ["plot", "lkml-fork", "--kind", "timeline", "--machine", machine, "--ptes", "2"]
    small = ["--set", "folio_orders=0", "--set", "memory=128 KiB", "--strategy", strategy]
    assert main([*words, *small, "-o", str(file)]) == 0
    drawn = window(machine, strategy)
    assert file.read_bytes() == drawn.svg()
    study = costmodel.study(
        machines=machine, strategies=[strategy], orders=[0], memory="128 KiB", noise=False
    )
    build = study[machine, strategy, 0].result.build
    assert build != costmodel.price(machine, strategy, memory="128 KiB").build
    assert says(drawn, f", build {build}. costmodel")


def test_the_build_of_a_window_can_be_named() -> None:
    asked: dict[str, Any] = {"ptes": 1, "memory": "128 KiB"}
    named = costmodel.window("xeon-4210r", "folio-batch-v6.9", build="gcc12-own", **asked)
    assert says(named, ", build gcc12-own. costmodel")
    contpte = "ampere-altra", "contpte-folio-batch-v6.9"
    alone = costmodel.window(*contpte, contpte=True, **asked)
    assert alone.svg() == window(*contpte, ptes=1).svg(), "the baseline may be of another kernel"


def test_equal_input_gives_equal_bytes() -> None:
    assert window(ptes=1).svg() == window(ptes=1).svg()


def test_a_picture_holds_only_so_much() -> None:
    with pytest.raises(ConfigError, match="a picture holds 500 micro-ops"):
        window(ptes=16)


def test_of_a_folio_that_is_handled_at_once_the_beginning_is_drawn() -> None:
    asked: dict[str, Any] = {"order": 4, "memory": "128 KiB"}
    picture = costmodel.window("xeon-4210r", "folio-batch-v6.9", ptes=1, **asked)
    assert says(picture, ", the first 500 of ")
    with pytest.raises(ConfigError, match="a picture holds 500 micro-ops"):
        costmodel.window("xeon-4210r", "v6.7", ptes=16, **asked)
