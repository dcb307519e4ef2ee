"""Which points a sweep has, and in which order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.sweeps.axes import parse_over
from costmodel.sweeps.design import Design, columns, order_of, unit_points

ALTRA = load_machine("ampere-altra")
AXES = parse_over(["tlbi.issue_ns=5..50:3", "core.rob_entries=100,128", "core.width=own:2"])


def test_a_grid_is_every_combination() -> None:
    shares = unit_points(AXES, Design())
    found = columns(AXES, shares, ALTRA, grid=True)
    rows = zip(*(column.values.tolist() for column in found.values()), strict=True)
    width = ALTRA.core.width
    wanted = itertools.product((5.0, 27.5, 50.0), (100, 128), (width.low, width.high))
    assert sorted(rows) == sorted(wanted)


@pytest.mark.parametrize("sample", ["sobol", "lhs"])
def test_a_sample_fills_every_range_evenly(sample: str) -> None:
    design = Design(sample=sample, points=256)
    found = columns(AXES, unit_points(AXES, design), ALTRA, grid=False)
    issue = np.sort(found["tlbi.issue_ns"].values.astype(float))
    np.testing.assert_allclose(issue, np.linspace(5, 50, 256), atol=0.5)
    width = found["core.width"].values
    values, counts = np.unique(width, return_counts=True)
    low, high = ALTRA.core.width.low, ALTRA.core.width.high
    assert values.tolist() == list(range(int(low), int(high) + 1))
    assert counts.min() > 0.8 * counts.max()


def test_a_sample_is_the_same_again_and_another_with_another_seed() -> None:
    one, two = (unit_points(AXES, Design(sample="lhs", points=16)) for _ in range(2))
    other = unit_points(AXES, Design(sample="lhs", points=16, sample_seed=2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_numbers_that_shape_programs_change_slowest() -> None:
    design = Design(sample="lhs", points=200)
    found = columns(AXES, unit_points(AXES, design), ALTRA, grid=False)
    order = order_of(list(found.values()), 200)
    assert sorted(order.tolist()) == list(range(200))
    shaping = np.stack([found[k].values[order] for k in ("core.width", "core.rob_entries")])
    changes = int(np.any(np.diff(shaping.astype(float), axis=1), axis=0).sum())
    assert changes <= 3


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"sample": "random"}, "--sample"),
        ({"points": 1}, "--points"),
        ({"sample_seed": -1}, "--sample-seed"),
    ],
)
def test_options_that_are_no_sample_are_refused(options: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        Design().changed(options)
