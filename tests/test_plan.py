"""Scenarios to cells: what runs where, and what is left out."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.config.scenario import Scenario
from costmodel.plan import plan
from costmodel.strategies.catalogue import built_in

MACHINES = {name: load_machine(name) for name in ("ampere-altra", "xeon-4210r")}
ALTRA = MACHINES["ampere-altra"]
XEON = {"xeon-4210r": MACHINES["xeon-4210r"]}


def scenario(**changes: object) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "a test",
            "operation": "fork",
            "memory": "1 GiB",
            "machines": ["ampere-altra", "xeon-4210r"],
            "folio_orders": [0, 9],
            "baseline": "v6.7",
            **changes,
        }
    )


def test_cells_go_by_machine_layout_and_strategy_with_the_baseline_first() -> None:
    todo = plan(scenario(strategies=["folio-batch-v6.9", "v6.7"]), MACHINES)
    assert [(c.machine.name, c.workload.folio_order, c.strategy) for c in todo.cells] == [
        (machine, order, strategy)
        for machine in MACHINES
        for order in (0, 9)
        for strategy in ("v6.7", "folio-batch-v6.9")
    ]
    assert todo.left_out == ()


def test_without_a_list_every_strategy_that_fits_runs() -> None:
    todo = plan(scenario(), MACHINES)
    on_arm = {c.strategy for c in todo.cells if c.machine.isa == "arm64"}
    on_x86 = {c.strategy for c in todo.cells if c.machine.isa == "x86_64"}
    assert on_arm == {s.name for s in built_in().values() if s.operation == "fork"}
    assert on_x86 < on_arm
    assert not any(name.startswith("contpte") for name in on_x86)


def test_what_does_not_fit_is_left_out_with_its_reason() -> None:
    (left,) = plan(scenario(strategies=["contpte-per-pte"]), MACHINES).left_out
    assert (left.machine, left.strategies, left.reason) == (
        "xeon-4210r",
        ("contpte-per-pte",),
        "arm64 only",
    )


def test_contpte_chooses_strategies_by_their_kernels() -> None:
    without = plan(scenario(contpte=False, machines=["ampere-altra"]), MACHINES)
    assert not any(built_in()[cell.strategy].contpte for cell in without.cells)
    (left,) = (left for left in without.left_out if left.machine == "ampere-altra")
    assert "contpte-per-pte" in left.strategies
    assert left.reason == "its kernel uses the contiguous bit (contpte: false)"
    with pytest.raises(ConfigError, match=r"baseline: v6.7: .* does not use the contiguous bit"):
        plan(scenario(contpte=True), MACHINES)
    with pytest.raises(
        ConfigError,
        match=r"contpte-per-pte: cannot be priced on .*: its kernel uses the contiguous bit",
    ):
        plan(scenario(contpte=False, strategies=["contpte-per-pte"]), {"ampere-altra": ALTRA})


def test_a_named_strategy_that_fits_no_machine_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"contpte-per-pte: cannot be priced on xeon-4210r: arm64 only"
    ):
        plan(scenario(strategies=["contpte-per-pte"]), XEON)


def test_a_baseline_must_fit_every_machine() -> None:
    with pytest.raises(
        ConfigError, match=r"baseline: contpte-per-pte: cannot be priced on .*: arm64 only"
    ):
        plan(scenario(baseline="contpte-per-pte"), MACHINES)


def test_the_users_own_strategy_runs_everywhere(tmp_path: Path) -> None:
    mine = f"{tmp_path / 'mine.py'}:copy"
    (tmp_path / "mine.py").write_text("def copy(fork): yield")
    todo = plan(scenario(strategies=[mine]), MACHINES)
    assert {c.machine.name for c in todo.cells if c.strategy == mine} == set(MACHINES)


def test_without_a_list_what_fits_no_machine_is_left_out_too() -> None:
    todo = plan(scenario(), XEON)
    assert {c.strategy for c in todo.cells} >= {"v6.7", "folio-batch-v6.9"}
    (left,) = todo.left_out
    assert "contpte-per-pte" in left.strategies and left.reason == "arm64 only"
