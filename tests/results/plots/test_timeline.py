"""The picture of the window: readable, with the micro-ops that the timeline has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import costmodel
from costmodel.config.errors import ConfigError
from costmodel.results.plots.picture import Picture


def window(machine: str = "xeon-4210r", strategy: str = "v6.7", ptes: int = 2) -> Picture:
    return costmodel.window(machine, strategy, ptes=ptes, memory="128 KiB")


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


def test_it_names_what_touches_memory_and_what_held_retirement_up() -> None:
    texts = [str(text.get_text()) for text in window().figure.findobj(Text)]
    assert any(text.startswith("locked rmw struct page") for text in texts)
    assert any(text.startswith("locked ") and text.split()[1].isdigit() for text in texts)
    assert "fork of 128 KiB (writable): 2 PTEs in the out-of-order window" in texts
    assert any(
        "xeon-4210r, v6.7, order-0 (4 KiB), build gcc12-booted. costmodel" in text for text in texts
    )


def test_equal_input_gives_equal_bytes() -> None:
    assert window(ptes=1).svg() == window(ptes=1).svg()


def test_a_picture_holds_only_so_much() -> None:
    with pytest.raises(ConfigError, match="a picture holds 500 micro-ops"):
        window(ptes=16)
