"""How far other builds may lie: what was recorded, what was measured, nothing where one is meant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import costmodel
from costmodel import published
from costmodel.experiment import Cell, Comparison, compare_cells
from costmodel.experiment.build_doubt import CERTAIN, doubt_of, measured, widest
from costmodel.experiment.builds import Match, matched


def cell(strategy: str, machine: str = "xeon-4210r", order: int = 0) -> Cell:
    return costmodel.cell(machine, strategy, order=order)


def compared(strategy: str, machine: str = "xeon-4210r", order: int = 0) -> Comparison:
    base = cell("v6.7", machine, order)
    cells = [base, replace(base, strategy=strategy)]
    return compare_cells(cells, "v6.7", noise=False)[1]


@pytest.mark.parametrize("order", [0, 9])
def test_the_interval_of_a_change_holds_every_build(order: int) -> None:
    row = compared("folio-batch-v6.12", order=order)
    assert row.builds is not None
    low, high = row.model.change_pct
    assert low <= row.builds.low_pct and row.builds.high_pct <= high


def test_one_recorded_build_may_lie_as_far_from_others_as_any_two() -> None:
    """On the 4210R 8 to 9 points at order 0, some 3 at order 9."""
    for order in (0, 9):
        match = matched(cell("folio-scan-v3", order=order), cell("v6.7", order=order))
        width = widest(match.new.machine, (order,)).change
        assert doubt_of(match).change == pytest.approx((-width, width))
    assert widest(cell("v6.7").machine, (0,)).change > 2 * widest(cell("v6.7").machine, (9,)).change


def test_between_recorded_orders_the_wider_range_holds() -> None:
    machine = cell("v6.7").machine
    between = doubt_of(matched(cell("folio-scan-v3", order=4), cell("v6.7", order=4)))
    assert between.change[1] == widest(machine, (0, 9)).change == widest(machine, (0,)).change


def test_a_named_build_is_meant() -> None:
    assert doubt_of(matched(cell("folio-batch-v6.12@gcc13"), cell("v6.7"))).change == CERTAIN


def test_a_baseline_beside_itself_is_of_the_same_build() -> None:
    base = cell("v6.7")
    doubt = doubt_of(Match(base, base, (base, base)))
    assert doubt.change == CERTAIN and doubt.seconds != CERTAIN


def test_what_was_measured_is_the_least() -> None:
    """The M2 at order 0: -2.9 to +15.2 % by code layout alone (published rows T15)."""
    half = published.half_range_pct("apple-m2-vm", "fork", 0)
    assert half is not None and half > 5
    low, high = doubt_of(
        matched(cell("folio-batch-v6.9", "apple-m2-vm"), cell("v6.7", "apple-m2-vm"))
    ).change
    assert high == -low == pytest.approx(math.log1p(half / 100))


def test_where_nobody_measured_it_the_least_of_the_architecture_holds() -> None:
    altra, graviton = (cell("v6.7", name).machine for name in ("ampere-altra", "graviton3"))
    assert measured(graviton, (0,)) == measured(altra, (0,)) > 0
    assert measured(cell("v6.7").machine, (0,)) == 0
