"""How far other builds may lie: as recorded, as measured, not at all where one is meant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import costmodel
from costmodel import published
from costmodel.experiment import Cell, Comparison, compare_cells, exact_seconds
from costmodel.experiment.build_doubt import CERTAIN, doubt_of, measured_log, widest
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


def widest_change(strategy: str, order: int) -> float:
    return widest(cell(strategy, order=order)).change


def test_one_recorded_build_may_lie_as_far_from_others_as_any_two() -> None:
    """On the 4210R some 10 points at order 0 and 12 at order 9 (of 100 of the batched time).

    At order 9 builds with inline helpers lie 5 apart; with PARAVIRT_XXL batching saves less.
    """
    for order in (0, 9):
        match = matched(cell("folio-scan-v3", order=order), cell("v6.7", order=order))
        width = widest_change("folio-scan-v3", order)
        assert doubt_of(match).change == pytest.approx((-width, width))
        assert width > 0.05


def test_entry_by_entry_or_in_batches_is_not_the_same_kind() -> None:
    """The per-PTE loop depends on the build at every order alike."""
    apart = widest_change("arch-batch-const1", 9)
    assert apart == pytest.approx(widest_change("arch-batch-const1", 0), rel=0.01)
    assert apart < 0.9 * widest_change("folio-scan-v3", 9)


def test_between_recorded_orders_the_wider_range_holds() -> None:
    between = doubt_of(matched(cell("folio-scan-v3", order=4), cell("v6.7", order=4)))
    assert between.change[1] == max(widest_change("folio-scan-v3", order) for order in (0, 9))


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
    assert measured_log(graviton, (0,)) == measured_log(altra, (0,)) > 0
    assert measured_log(cell("v6.7").machine, (0,)) == 0


def test_folios_that_pmds_map_meet_no_loop_that_a_compiler_could_change() -> None:
    new, base = (
        replace(each, workload=each.workload.model_copy(update={"mapped": "pmd"}))
        for each in (cell("folio-batch-v6.12", order=9), cell("v6.7", order=9))
    )
    doubt = doubt_of(matched(new, base))
    assert doubt.change == CERTAIN
    assert doubt.seconds == (-measured_log(new.machine, (9,)), measured_log(new.machine, (9,)))


def test_mappings_beside_pmds_are_no_code_of_a_build_either() -> None:
    """v6.7 puts them into its tree one by one: that is a number of the machine."""
    many = {"mapped": "pmd", "vmas": 300}
    new, base = (
        replace(each, workload=each.workload.model_copy(update=many))
        for each in (cell("folio-batch-v6.12", order=9), cell("v6.7", order=9))
    )
    match = matched(new, base)
    assert exact_seconds(match.new) < exact_seconds(match.base)
    assert doubt_of(match).change == CERTAIN


def test_pmds_take_no_build_from_folios_that_they_do_not_map() -> None:
    new, base = cell("folio-batch-v6.12", order=4), cell("v6.7", order=4)
    new_by_pmd, base_by_pmd = (
        replace(each, workload=each.workload.model_copy(update={"mapped": "pmd"}))
        for each in (new, base)
    )
    found, plain = matched(new_by_pmd, base_by_pmd).builds, matched(new, base).builds
    assert found is not None and plain is not None
    assert found.changes_pct == pytest.approx(plain.changes_pct)
