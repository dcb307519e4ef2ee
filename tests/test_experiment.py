"""Cells to results: order, noise, processes, and what was published beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind
from costmodel.config.errors import ConfigError, Fault
from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload, noise_scenario
from costmodel.cpu.stack import Cause as Reason
from costmodel.cpu.stack import Charges, TableCost, Timing
from costmodel.experiment import (
    Cell,
    Result,
    compare,
    pace,
    published_rows,
    run_cell,
    run_cells,
)
from costmodel.simulation import Engine, NoiseCause
from tests.experiment.stand_in import execute_instead

ALTRA = load_machine("ampere-altra")
XEON = load_machine("xeon-4210r")
MIB = 1 << 20
TICKS = {"v6.7": 160_000, "slower": 240_000, "storm": 480_000}


def workload(order: int = 0, cpus: int = 1, memory_bytes: int = 32 * MIB) -> Workload:
    return Workload(
        operation="fork",
        memory_bytes=memory_bytes,
        folio_orders={order: 1.0},
        state="writable",
        cpus=cpus,
    )


def cell(strategy: str = "v6.7", machine: Machine = ALTRA, **of_workload: int) -> Cell:
    return Cell(machine, workload(**of_workload), strategy, Protocol(runs=4, iterations=5))


def trace_named(strategy: str) -> Trace:
    """Return a trace of two loads and a branch; the stand-in core knows it by its step name."""
    rows = 3
    return Trace(
        kind=np.array([Kind.LOAD, Kind.LOAD, Kind.BRANCH], np.uint8),
        subkind=np.zeros(rows, np.uint8),
        inputs=np.full((rows, 5), -1, np.int32),
        address=np.full(rows, -1, np.int64),
        size_bytes=np.zeros(rows, np.int16),
        target=np.zeros(rows, np.uint8),
        taken=np.full(rows, -1, np.int8),
        site=np.arange(rows, dtype=np.int32),
        step_start=np.zeros(1, np.int32),
        step_id=np.zeros(1, np.int32),
        step_names=(strategy,),
        segments=(("copy", 0, rows),),
    )


def stand_in_runs(cell: Cell) -> list[TableRun]:
    return [TableRun(trace_named(cell.strategy), cell.workload.pages // 512, 512)]


def stand_in_timing(runs: Iterable[TableRun], machine: Machine) -> Timing:
    costs = []
    for run in runs:
        name = run.trace.step_names[0]
        waits = TICKS[name] // 2 if name == "storm" else 0
        stack = {Reason.LLC: TICKS[name] - waits, Reason.TLBI: waits}
        charges = Charges(tuple(stack.get(reason, 0) for reason in Reason))
        cost = TableCost({"copy": TICKS[name]}, charges, 96 if waits else 0, waits)
        costs.append((cost, run.count))
    return Timing.of(costs, machine.core.clock_ghz.value)


def stand_in_timings(
    asked: Iterable[tuple[Iterable[TableRun], Machine]], engine: Engine
) -> list[Timing]:
    return [stand_in_timing(runs, machine) for runs, machine in asked]


@pytest.fixture(autouse=True)
def stand_in_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixed prices instead of strategies and core: this file is about what comes after them."""
    execute_instead(monkeypatch, stand_in_runs)
    monkeypatch.setattr(pace, "_timings", stand_in_timings)


def means(results: Iterable[Result]) -> list[tuple[float, ...]]:
    return [result.summary.run_means for result in results]


def test_results_come_in_the_order_of_the_cells() -> None:
    cells = [cell("slower"), cell("v6.7"), cell("slower", order=9), cell("v6.7", XEON)]
    assert [result.cell for result in run_cells(cells)] == cells


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    cells = [cell(name, order=order) for order in (0, 9) for name in TICKS]
    alone, shared = (run_cells(cells, jobs=jobs) for jobs in (1, 3))
    assert means(alone) == means(shared)
    assert alone == shared


def test_bad_input_found_by_a_worker_process_keeps_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault = Fault("mine.py", 3, 1, "copy", "yields something that is no micro-op", "'x'")

    def refuse(cell: Cell) -> list[TableRun]:
        raise ConfigError([fault])

    execute_instead(monkeypatch, refuse)
    with pytest.raises(ConfigError) as error:
        run_cells([cell(name) for name in TICKS], jobs=2)
    assert str(error.value) == str(fault)


def test_a_cell_alone_equals_the_cell_among_others() -> None:
    cells = [cell(name) for name in TICKS]
    assert run_cell(cells[1]) == run_cells(cells)[1]


def test_the_stack_sums_to_the_time_per_pte() -> None:
    for engine in Engine:
        result = run_cell(cell("storm"), noise=False, engine=engine)
        assert sum(result.stack_ns_per_pte.values()) == pytest.approx(result.ns_per_pte, rel=1e-12)
        assert {"llc", "tlbi", "fork_fixed", "asid_flush"} <= result.stack_ns_per_pte.keys()


def test_the_exact_time_is_fixed_part_tables_and_flush() -> None:
    result = run_cell(cell("v6.7"), noise=False)
    table_us = 160_000 / 16 / 3000  # ticks per cycle, cycles per microsecond
    allocation_us = ALTRA.kernel.table_alloc_ns.value / 1000
    outside_us = ALTRA.kernel.fork_fixed_us.value + ALTRA.tlbi.asid_flush_ns.value / 1000
    expected_us = outside_us + 16 * (table_us + allocation_us)
    assert result.exact_ps / 1e6 == pytest.approx(expected_us, rel=1e-6)
    assert result.summary.mean == result.exact_ps / 1e12
    assert (result.samples_ps, result.summary.stdev_between_runs) == (None, None)


def test_micro_ops_are_counted_per_pte() -> None:
    assert run_cell(cell()).micro_ops_per_pte == {"branch": 1 / 512, "load": 2 / 512}


def test_both_engines_draw_the_same_samples() -> None:
    fast, reference = (run_cell(cell("storm"), engine=engine) for engine in Engine)
    assert fast.samples_ps is not None and reference.samples_ps is not None
    np.testing.assert_array_equal(fast.samples_ps, reference.samples_ps)
    assert fast.exact_ps == reference.exact_ps


def test_noise_is_common_to_strategies_and_differs_between_workloads() -> None:
    def factors(result: Result) -> np.ndarray:
        assert result.samples_ps is not None
        return np.asarray(result.samples_ps / result.exact_ps)

    only_runs = frozenset({NoiseCause.RUN})
    first, second = (factors(run_cell(cell(s), causes=only_runs)) for s in ("v6.7", "slower"))
    np.testing.assert_allclose(first, second, rtol=1e-4)
    other = factors(run_cell(cell(memory_bytes=64 * MIB), causes=only_runs))
    assert abs(first - other).max() > 1e-4


def test_a_storm_spreads_no_more_than_the_time_that_layout_touches() -> None:
    baseline, storm = run_cells([cell("v6.7"), cell("storm")], causes=frozenset({NoiseCause.RUN}))
    assert storm.summary.stdev_between_runs and baseline.summary.stdev_between_runs
    assert storm.exact_ps > 1.4 * baseline.exact_ps
    flush_ps = ALTRA.tlbi.asid_flush_ns.value * 1000
    broadcast_ps = 16 * 240_000 * 1e6 / 16 / 3000
    layout_ratio = (storm.exact_ps - flush_ps - broadcast_ps) / (baseline.exact_ps - flush_ps)
    ratio = storm.summary.stdev_between_runs / baseline.summary.stdev_between_runs
    assert ratio == pytest.approx(layout_ratio, rel=1e-3)


def test_other_cpus_make_a_storm_slower_and_nothing_else() -> None:
    quiet = [run_cell(cell("v6.7", cpus=n), noise=False).exact_ps for n in (1, 32)]
    assert quiet[1] <= 1.01 * quiet[0]
    storm = [run_cell(cell("storm", cpus=n), noise=False) for n in (1, 32)]
    assert storm[1].exact_ps > 1.5 * storm[0].exact_ps
    assert "interconnect" in storm[1].stack_ns_per_pte
    assert sum(storm[1].stack_ns_per_pte.values()) == pytest.approx(storm[1].ns_per_pte)


def test_comparisons_carry_change_and_published_rows() -> None:
    gib = 1 << 30
    results = run_cells(
        [cell(name, machine=XEON, order=9, memory_bytes=gib) for name in ("v6.7", "slower")]
    )
    baseline, slower = compare(results, "v6.7")
    assert baseline.is_baseline and not slower.is_baseline
    assert baseline.change.mean_pct == 0
    assert slower.change.mean_pct == pytest.approx(50, abs=4)
    assert {row.id.split("/")[0] for row in baseline.published} == {"T08", "T10i", "T14"}
    assert slower.published == ()


def test_a_forced_contpte_was_never_published() -> None:
    gib = 1 << 30
    plain = cell("v6.7", XEON, order=9, memory_bytes=gib)
    forced = replace(plain, workload=plain.workload.model_copy(update={"contpte": False}))
    assert published_rows(plain, "v6.7")
    assert not published_rows(forced, "v6.7")


def test_a_result_without_its_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must hold v6\.7"):
        compare(run_cells([cell("slower")]), "v6.7")


def test_the_noise_of_a_workload_has_a_stable_name() -> None:
    assert noise_scenario(workload()) == "fork 33554432 0:1 contiguous writable 1"
