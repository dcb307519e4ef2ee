"""The parts of a difference sum to it, and nothing is made of nothing."""

from __future__ import annotations

import pytest

from costmodel import api
from costmodel.experiment import Cell, executed, run_cell
from costmodel.explaining.attribution import (
    HIDDEN_NS,
    Explanation,
    GroupEffect,
    _saved_ns,
    explained,
)
from costmodel.explaining.groups import UopGroup
from tests.explaining.explained_cells import munmap_pair, pair


def part(explanation: Explanation, group: UopGroup) -> GroupEffect:
    return next(part for part in explanation.parts if part.group == group)


@pytest.mark.parametrize(
    ("machine", "strategy", "baseline", "order"),
    [
        ("xeon-4210r", "folio-batch-v6.9", "v6.7", 9),
        ("ampere-altra", "contpte-per-pte", "v6.7", 4),
        ("ampere-altra", "v6.7", "folio-scan-v3", 0),
    ],
)
def test_parts_and_interaction_sum_to_the_difference(
    machine: str, strategy: str, baseline: str, order: int
) -> None:
    found = explained(*pair(machine, strategy, baseline, order))
    total = sum(part.effect_ns for part in found.parts) + found.interaction_ns + found.around_ns
    assert total == pytest.approx(found.difference_ns)
    assert found.difference_ns == pytest.approx(
        found.new.result.ns_per_pte - found.base.result.ns_per_pte
    )
    assert found.change_pct == pytest.approx(
        100 * found.difference_ns / found.base.result.ns_per_pte
    )
    for side in (found.base, found.new):
        assert sum(side.result.stack_ns_per_pte.values()) == pytest.approx(side.result.ns_per_pte)
    effects = [abs(part.effect_ns) for part in found.parts]
    assert effects == sorted(effects, reverse=True)


def test_what_lies_around_the_loops_is_no_interaction() -> None:
    def asked(name: str, vmas: int) -> Cell:
        return api.cell(
            "xeon-4210r", name, operation="spawn", memory="4 MiB", overrides={"vmas": vmas}
        )

    many, few = (explained(*(asked(name, n) for name in ("v6.8", "v6.7"))) for n in (4000, 20))
    kernel = many.new.result.cell.machine.kernel
    saved_ns = (4000 - 20) * kernel.vma_insert_ns.value / many.new.result.ptes
    assert many.around_ns - few.around_ns == pytest.approx(-saved_ns, rel=1e-3)
    assert many.interaction_ns == pytest.approx(few.interaction_ns, abs=0.01)


def test_a_strategy_against_itself_is_all_zeros() -> None:
    found = explained(*pair("ampere-altra", "contpte-per-pte", "contpte-per-pte"))
    assert found.parts == ()
    assert found.difference_ns == found.interaction_ns == found.change_pct == 0


def test_exchanging_the_two_changes_every_sign() -> None:
    # In one build: of an even number the median is the lower one either way.
    one = explained(*pair("xeon-4210r", "folio-batch-v6.9@gcc16", "v6.7@gcc16"))
    other = explained(*pair("xeon-4210r", "v6.7@gcc16", "folio-batch-v6.9@gcc16"))
    assert other.difference_ns == pytest.approx(-one.difference_ns)
    assert {p.group: -p.effect_ns for p in other.parts} == pytest.approx(
        {p.group: p.effect_ns for p in one.parts}
    )


def test_the_refcount_is_what_batching_saves_on_x86_and_calls_are_hidden() -> None:
    found = explained(*pair("xeon-4210r", "folio-batch-v6.9"))
    assert found.parts[0].group == UopGroup.REFCOUNT
    assert found.parts[0].effect_ns < -5
    calls = part(found, UopGroup.CALLS)
    assert calls.change < -2 and calls.is_hidden and abs(calls.effect_ns) < HIDDEN_NS


def test_tlb_maintenance_is_what_per_pte_contpte_pays_on_the_altra() -> None:
    found = explained(*pair("ampere-altra", "contpte-per-pte"))
    assert found.parts[0].group == UopGroup.INVALIDATION
    assert found.parts[0].effect_ns > 0.9 * found.difference_ns


def test_unmapping_one_entry_of_a_block_unfolds_the_block_once() -> None:
    """Clearing an entry is a swap, too, but no convert."""
    found = explained(*munmap_pair("ampere-altra", "contpte-per-pte", 9))
    assert (found.base.maintenance.converts, found.new.maintenance.converts) == (0, 1 / 16)
    assert found.new.maintenance.tlbis == 1
    assert part(found, UopGroup.SWAPS).new_count == 1


def test_what_is_left_of_an_unmap_finds_its_struct_pages_where_they_were() -> None:
    """Taking out a group that is not there must save nothing: reuse distances stay."""
    cell, _ = munmap_pair("xeon-4210r", "v6.7", 0)
    assert any(run.reuse_bytes is not None for run in executed(cell))
    assert _saved_ns((cell, UopGroup.TABLE, run_cell(cell, noise=False).exact_ps)) == 0


def test_the_number_of_processes_changes_nothing() -> None:
    cells = pair("ampere-altra", "folio-batch-v6.9", order=4)
    assert explained(*cells, jobs=2).parts == explained(*cells).parts
