"""The chart for a plain-text mail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costmodel.results.document import ResultFile
from costmodel.results.plots.ascii import ascii_chart

MakeResults = Callable[..., ResultFile]


def lines_of(chart: str, strategy: str) -> list[str]:
    return [line for line in chart.splitlines() if line.startswith(strategy)]


def test_it_fits_a_mail(results: MakeResults) -> None:
    chart = ascii_chart(results())
    assert chart.isascii()
    assert max(map(len, chart.splitlines())) <= 76
    assert not any(line.endswith(" ") for line in chart.splitlines())


def test_bars_grow_with_the_change(results: MakeResults) -> None:
    chart = ascii_chart(results(["ampere-altra"], (9,)))
    (prototype,) = lines_of(chart, "folio-batch-prototype")
    (noyoungdirty,) = lines_of(chart, "contpte-folio-batch-noyoungdirty")
    assert 0 < prototype.count("#") + prototype.count("o#") <= noyoungdirty.count("#")
    assert prototype.index("#") < prototype.index("|")  # faster is to the left
    assert "-13.2%" in prototype and "-13.9%" in prototype


def test_a_storm_goes_on_beyond_the_chart(results: MakeResults) -> None:
    (storm,) = lines_of(ascii_chart(results(["ampere-altra"], (9,))), "contpte-per-pte")
    assert "#>" in storm and "5110.5%" in storm and "3654.4%" in storm


@pytest.mark.parametrize("order", [0, 9])
def test_a_published_point_stands_where_it_belongs(results: MakeResults, order: int) -> None:
    (line,) = lines_of(ascii_chart(results(["ampere-altra"], (order,))), "folio-batch-prototype")
    bar = line[len("contpte-folio-batch-noyoungdirty ") :].split("%")[0]
    assert ("o" in bar[: bar.index("|")]) == (order == 9)
