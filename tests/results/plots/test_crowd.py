"""Pictures over CPUs: what they show, what they refuse, and that all of it can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from costmodel.config.errors import ConfigError
from costmodel.results.document import ResultFile
from costmodel.results.plots.crowd import cpus_picture, shared_picture
from tests.results.made import cell, crowd, document, results_of, row


def over_cpus(*counts: int) -> ResultFile:
    """Return two strategies on several numbers of CPUs, the second with a published throughput."""
    cells = []
    for cpus in counts:
        for name, seconds in (("v6.7", 0.005), ("contpte-per-pte", 0.005 * cpus)):
            rows = [row("T01/1", -15.4, metric="throughput_pct", change_pct=None)]
            made = cell(name, seconds, base_seconds=0.005, published=rows if cpus == 8 else [])
            per_s = cpus / seconds
            made |= {"cpus": cpus, "throughput_per_s": per_s}
            made |= {"settings": ["6 us between operations"]}
            made |= {"model_interval_throughput_per_s90": [0.8 * per_s, 1.5 * per_s]}
            cells.append(made | {"crowd": crowd(cpus, per_s) if cpus > 1 else None})
    return results_of(document(*cells))


def heights(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata(), float).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("draw", [cpus_picture, shared_picture])
def test_every_text_can_be_read(
    draw: Callable[[ResultFile], Any], complaints: Callable[[Figure], list[str]]
) -> None:
    assert complaints(draw(over_cpus(1, 2, 8, 32)).figure) == []


def test_time_and_throughput_stand_side_by_side_with_what_was_published() -> None:
    time, throughput = cpus_picture(over_cpus(1, 8, 32)).figure.axes
    assert [heights(line) for line in time.lines[::4]] == [
        pytest.approx([5000] * 3),
        pytest.approx([5000, 40000, 160000]),
    ]
    base = heights(throughput.lines[0])
    assert base == pytest.approx([200, 1600, 6400])
    points = [p for line in throughput.lines if line.get_markersize() == 7 for p in heights(line)]
    assert points == pytest.approx([1600 * (1 - 0.154)] * 2)


def test_what_has_an_interval_is_shaded() -> None:
    figure = cpus_picture(over_cpus(1, 8, 32)).figure
    time, throughput = figure.axes
    ends = throughput.collections[0].get_datalim(throughput.transData)
    assert (ends.ymin, ends.ymax) == pytest.approx((0.8 * 200, 1.5 * 6400))
    assert throughput.get_ylim()[1] > 1.5 * 6400
    assert not time.collections[0].get_paths(), "files of other days have none"
    assert any("90 % interval" in text.get_text() for text in figure.texts)


def test_a_shared_thing_is_as_high_as_it_is_busy_and_the_cache_has_no_line() -> None:
    first, *_ = shared_picture(over_cpus(1, 8, 32)).figure.axes
    (line,) = first.lines
    assert np.asarray(line.get_xdata()).tolist() == [8, 32]
    assert heights(line) == pytest.approx([20, 80])


@pytest.mark.parametrize("draw", [cpus_picture, shared_picture])
def test_one_number_of_cpus_is_no_axis(draw: Callable[[ResultFile], Any]) -> None:
    with pytest.raises(ConfigError, match="two or more numbers of CPUs: --set cpus=1,8,32"):
        draw(over_cpus(8))
