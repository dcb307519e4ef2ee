"""The package's own functions, as scripts and notebooks use them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import costmodel
from costmodel.config.errors import ConfigError

SMALL = "2 MiB"
FROK: Any = "frok"


def test_price_is_what_one_strategy_costs() -> None:
    cost = costmodel.price("ampere-altra", "contpte-per-pte", order=9, memory=SMALL)
    assert cost.ptes == 512
    assert sum(cost.stack_ns_per_pte.values()) == pytest.approx(cost.ns_per_pte)
    assert cost.micro_ops_per_pte["tlbi"] == pytest.approx(3)  # three converts of 16 per block


def test_a_study_prints_as_a_table_and_draws_itself() -> None:
    study = costmodel.study(
        machines=["xeon-4210r"],
        strategies=["folio-batch-v6.9"],
        orders=[0, 9],
        noise=False,
        memory=SMALL,
    )
    text = str(study)
    assert "| v6.7 (baseline)" in text and "| folio-batch-v6.9" in text
    assert max(map(len, text.splitlines())) <= 76
    assert study["xeon-4210r", "v6.7", 9].is_baseline
    with pytest.raises(KeyError):
        study["xeon-4210r", "v6.7", 4]
    assert study.picture("stack").png().startswith(b"\x89PNG")
    assert "folio-batch-v6.9" in study.chart()


def test_table_takes_what_study_takes() -> None:
    text = costmodel.table(machines=["xeon-4210r"], strategies=["v6.7"], noise=False, memory=SMALL)
    assert "| v6.7 (baseline)" in text


def test_arguments_replace_what_a_scenario_says() -> None:
    study = costmodel.study(
        "lkml-fork",
        machines=["ampere-altra"],
        strategies=["folio-batch-v6.9"],
        orders=[4],
        noise=False,
        memory="4 MiB",
        title="mine",
    )
    cells = [comparison.result.cell for comparison in study.comparisons]
    assert study.title == "mine"
    assert {(c.machine.name, c.workload.layout, c.workload.memory_bytes) for c in cells} == {
        ("ampere-altra", "order-4", 4 << 20)
    }


def test_a_machine_that_does_not_exist() -> None:
    ranged = costmodel.machine("ampere-altra", rename="ranged", changes={"tlbi.range": True})
    assert ranged.name == ranged.title == "ranged"
    before, after = (
        costmodel.price(machine, "contpte-per-pte", order=4, memory=SMALL)
        for machine in ("ampere-altra", ranged)
    )
    assert after.ns_per_pte < before.ns_per_pte
    assert after.micro_ops_per_pte["tlbi"] < before.micro_ops_per_pte["tlbi"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: costmodel.machine("ampere-altro"), "did you mean 'ampere-altra'"),
        (lambda: costmodel.machine("ampere-altra", changes={"tlbi.rnage": 1}), "tlbi.rnage"),
        (lambda: costmodel.price("xeon-4210r", "contpte-per-pte"), "arm64 only"),
        (lambda: costmodel.strategy_names(FROK), "unknown operation"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", operation=FROK), "unknown operation"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", order=10), "from 0 to 9"),
    ],
)
def test_what_is_wrong_is_said(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]


def test_zap_has_strategies_of_its_own() -> None:
    cost = costmodel.price(
        "xeon-4210r", costmodel.strategy_names("zap")[0], operation="zap", memory=SMALL
    )
    assert cost.ns_per_pte > 0


def test_the_package_is_light_until_it_is_used() -> None:
    heavy = "{'numpy', 'pydantic', 'matplotlib', 'numba'} & set(sys.modules)"
    code = f"import sys, costmodel; print(sorted({heavy}), 'price' in dir(costmodel))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "[]"


def test_the_package_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'prize'"):
        _ = costmodel.prize


def test_explain_says_what_makes_the_difference() -> None:
    text = costmodel.explain("ampere-altra", "contpte-per-pte", order=4, memory=SMALL)
    assert "contpte-per-pte against v6.7" in text and "tlbi" in text
    assert max(map(len, text.splitlines())) <= 76


def test_check_says_what_is_broken() -> None:
    assert costmodel.check("folio-batch-v6.12", layouts=5).startswith("folio-batch-v6.12: ok")
    assert "BROKEN" in costmodel.check("folio-batch-off-by-one", layouts=5)


def test_every_function_answers_about_zap() -> None:
    cost = costmodel.price("xeon-4210r", "v6.7", operation="zap", state="munmap", memory=SMALL)
    assert set(cost.segments_ns_per_pte) == {"unmap", "release", "around"}
    why = costmodel.explain(
        "xeon-4210r", "folio-batch-v6.9", operation="zap", state="munmap", memory=SMALL
    )
    assert "zap, 2 MiB, munmap" in why and "release of pages" in why
    found = costmodel.check("contpte-arch-batch", layouts=3, operation="zap")
    assert found.startswith("zap contpte-arch-batch: ok")
