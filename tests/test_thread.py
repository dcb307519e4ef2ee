"""From scenario file to tables with nothing replaced: the thread's main results come out."""

import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import load_scenario
from costmodel.experiment import compare, published_rows, run_cells
from costmodel.plan import CellPlan, plan
from costmodel.published import Role, all_rows


def thread(**changes: object) -> CellPlan:
    scenario = load_scenario("lkml-fork").replace(changes)
    return plan(*load_with_overrides(scenario))


def test_every_mapped_fork_row_has_a_cell_in_a_shipped_scenario() -> None:
    shown = {
        row.id
        for name in ("lkml-fork", "lkml-fork-sizes")
        for cell in plan(*load_with_overrides(load_scenario(name))).cells
        for row in published_rows(cell, "v6.7")
    }
    rows = (row for row in all_rows() if row.role not in (None, Role.REPORT))
    mapped = {row.id for row in rows if row.operation == "fork"}
    assert mapped <= shown


def test_batching_pays_on_the_4210r() -> None:
    todo = thread(machines=["xeon-4210r"], folio_orders=[9], strategies=["folio-batch-prototype"])
    baseline, batched = compare(run_cells(todo.cells), "v6.7")
    # Published: 14.3 ms and -34 to -36.3 %.
    assert baseline.result.summary.mean == pytest.approx(0.0143, rel=0.1)
    assert -42 < batched.change.mean_pct < -28
    for comparison in (baseline, batched):
        total = sum(comparison.result.stack_ns_per_pte.values())
        assert total == pytest.approx(comparison.result.ns_per_pte, rel=1e-9)


def test_contpte_without_batching_is_a_storm_on_the_altra() -> None:
    todo = thread(machines=["ampere-altra"], folio_orders=[9], strategies=["contpte-per-pte"])
    _, storm = compare(run_cells(todo.cells, noise=False), "v6.7")
    assert storm.change.mean_pct > 1000
    stack = storm.result.stack_ns_per_pte
    assert max(stack, key=lambda cause: stack[cause]) == "tlbi"


def test_a_run_imports_nothing_slow(tmp_path: Path) -> None:
    words = ["run", "--machine", "xeon-4210r", "--strategy", "v6.7", "--json", str(tmp_path / "r")]
    code = (
        "import sys; from costmodel.cli.main import main; "
        f"code = main({words!r}); "
        "slow = {'scipy.stats', 'matplotlib', 'ipykernel'} & set(sys.modules); "
        "sys.exit(f'{code} {slow}' if code or slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "v6.7 (baseline)" in done.stdout
