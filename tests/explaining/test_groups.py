"""What each micro-op of a real strategy is for."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.code.uops import Kind
from costmodel.experiment import executed
from costmodel.explaining.groups import UopGroup, groups_of, maintenance_of
from tests.explaining.explained_cells import cell


def per_pte(machine: str, strategy: str, order: int = 9) -> dict[UopGroup, float]:
    (run,) = executed(cell(machine, strategy, order))
    groups = groups_of(run.trace)
    assert len(groups) == len(run.trace)
    return {group: np.count_nonzero(groups == group) / run.ptes for group in UopGroup}


@pytest.mark.parametrize("machine", ["ampere-altra", "xeon-4210r"])
def test_the_baseline_has_four_atomics_per_pte(machine: str) -> None:
    counts = per_pte(machine, "v6.7")
    for group in (UopGroup.REFCOUNT, UopGroup.MAPCOUNT, UopGroup.EXCLUSIVE, UopGroup.PTE_ATOMICS):
        assert counts[group] == 1
    assert counts[UopGroup.CHILD_STORES] == 1
    assert counts[UopGroup.SWAPS] == counts[UopGroup.GATHER_LOADS] == 0


@pytest.mark.parametrize("machine", ["ampere-altra", "xeon-4210r"])
def test_batching_takes_one_reference_per_folio(machine: str) -> None:
    counts = per_pte(machine, "folio-batch-v6.12")
    assert counts[UopGroup.REFCOUNT] == counts[UopGroup.LARGE_MAPCOUNT] == 1 / 512
    assert counts[UopGroup.MAPCOUNT] == 1


def test_without_hint_every_pte_gathers_its_block() -> None:
    assert per_pte("ampere-altra", "contpte-folio-batch-no-hint")[UopGroup.GATHER_LOADS] > 15
    assert per_pte("ampere-altra", "contpte-folio-batch-v6.9")[UopGroup.GATHER_LOADS] < 3


def test_contpte_per_pte_converts_three_times_per_block() -> None:
    counts = per_pte("ampere-altra", "contpte-per-pte")
    assert counts[UopGroup.SWAPS] == counts[UopGroup.CONVERT_STORES] == 3
    assert counts[UopGroup.CHILD_STORES] == 1
    maintenance = maintenance_of(executed(cell("ampere-altra", "contpte-per-pte")))
    assert maintenance.converts * 16 == 3
    assert maintenance.tlbis * 16 == 48
    assert maintenance.barriers * 16 == pytest.approx(6)
    assert maintenance.range_tlbis == 0


def test_no_maintenance_without_contpte() -> None:
    assert not maintenance_of(executed(cell("ampere-altra", "v6.7"))).any


def test_clearing_a_page_table_is_part_of_allocating_it() -> None:
    (run,) = executed(cell("ampere-altra", "v6.7"))
    zeroing = groups_of(run.trace)[run.trace.kind == Kind.ZERO]
    assert set(zeroing.tolist()) == {UopGroup.TABLE}
