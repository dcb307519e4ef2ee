"""The CPI stack blames what holds time: a cause that is cheaper by a tenth saves its tenth."""

from __future__ import annotations

import math

import pytest

from costmodel import api
from costmodel.calibration.predict import log_times
from costmodel.calibration.targets import usual_case
from costmodel.config.machine import load_machine

ATOMICS = ("line_change_cycles", "store_only_cycles", "cas_cycles", "value_cycles")


@pytest.mark.parametrize("name", ["apple-m2-vm", "ampere-altra", "graviton3"])
@pytest.mark.parametrize("order", [0, 9])
def test_atomics_are_blamed_for_what_they_hold(name: str, order: int) -> None:
    machine, case = load_machine(name), usual_case("v6.7", order)
    stack = api.price(name, "v6.7", order=order).stack_ns_per_pte
    share = stack["atomic"] / sum(stack.values())
    cheaper = machine.with_values(
        {f"atomics.{key}": 0.9 * machine.parameters[f"atomics.{key}"].value for key in ATOMICS}
    )
    before, after = (log_times(on, [case])[case] for on in (machine, cheaper))
    assert share > 0.5
    assert -math.expm1(after - before) == pytest.approx(0.1 * share, rel=0.5)
