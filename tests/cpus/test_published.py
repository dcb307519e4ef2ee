"""The shipped scenarios of several CPUs against published numbers: the table of docs/cpus.md."""

from __future__ import annotations

import pytest

from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import load_scenario
from costmodel.experiment import run_cells
from costmodel.plan import plan
from costmodel.published import loop_rows


def throughputs(scenario: str) -> dict[tuple[str, int], float]:
    """Return how often all CPUs together go round their loop, by strategy and CPUs."""
    asked, machines = load_with_overrides(load_scenario(scenario))
    results = run_cells(plan(asked, machines).cells, noise=False, intervals=False)
    return {
        (result.cell.strategy, result.cell.workload.cpus_in_use): result.throughput_per_s
        for result in results
    }


def published(loop: str, strategy: str) -> dict[int, float]:
    """Return what was published of a loop, by CPUs."""
    rows = (row for row in loop_rows() if (row.loop, row.strategy) == (loop, strategy))
    return {row.cpus * row.threads: row.mean for row in rows}


def test_tlb_flush1() -> None:
    """Commit aa44284960d5, before its patch, on a 56-core Skylake."""
    found, measured = throughputs("lkml-tlb-flush"), published("tlb_flush1", "v6.7")
    off_pct = {n: 100 * (found["v6.7", n] / per_s - 1) for n, per_s in measured.items()}
    expected = {1: 0, 10: -1, 25: 9, 40: -4, 55: -7}
    assert off_pct == pytest.approx(expected, abs=1.5)
    assert all(abs(off) < 12 for off in off_pct.values())


def test_contiguous_entries_unfolded_one_by_one() -> None:
    """Table T01, fork and exit in a loop."""
    found, measured = throughputs("lkml-fork-cpus"), published("fork1", "contpte-per-pte")
    changes_pct = {n: 100 * (found["contpte-per-pte", n] / found["v6.7", n] - 1) for n in measured}
    assert changes_pct == pytest.approx({1: -10.5, 8: -16.0, 32: -69.5}, abs=0.5)
    assert all(abs(changes_pct[n] - pct) < 6 for n, pct in measured.items())


def test_exit_of_compilers_on_all_cpus() -> None:
    """Table T05. The share of large folios is chosen: one of the two figures is not blind."""
    asked, machines = load_with_overrides(load_scenario("lkml-exit-cpus"))
    results = run_cells(plan(asked, machines).cells, noise=False, intervals=False)
    took = {(r.cell.strategy, r.cell.workload.cpus): r.exact_ps for r in results}
    rows = (row for row in loop_rows() if row.loop == "exit_of_compilers")
    measured = {row.strategy: row.mean for row in rows if row.strategy}
    ratios = {name: took[name, 80] / took["v6.7", 80] for name in measured}
    assert ratios == pytest.approx({"contpte-per-pte": 2.8, "contpte-arch-batch": 1.18}, abs=0.05)
    for name, pct in measured.items():
        assert 1 / 1.3 < ratios[name] / (1 + pct / 100) < 1.3


def test_every_row_of_a_loop_can_be_looked_up() -> None:
    for row in loop_rows():
        assert row.message_ids and row.source
        assert row.strategy or len(row.unmapped or "") > 40
