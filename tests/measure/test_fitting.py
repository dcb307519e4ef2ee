"""Fit what no loop shows to operations: a known truth comes back, another mechanism does not."""

from dataclasses import replace

import numpy as np
import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine, load_machine
from costmodel.measure.fitting import KEYS, calibrate_to, describe_measured
from costmodel.measure.operations import Measured
from costmodel.measure.prediction import RunningKernel, compared
from costmodel.uncertainty.priors import with_numbers

ZEN5 = load_machine("epyc-zen5")
KERNEL = RunningKernel("6.12.0")
ASKED = [
    Measured("fork writable", 9, 16 << 20, [1]),
    Measured("fork read-only", 9, 16 << 20, [1]),
    Measured("munmap", 9, 16 << 20, [1]),
    Measured("juggle", 9, 16 << 20, [1]),
]


def measured_on(machine: Machine, factor: float = 1.0) -> list[Measured]:
    """Return the operations as they would be measured on a machine, all slower by a factor."""
    return [
        replace(row.measured, ns=[round((row.predicted_ns or 1e6) * factor)] * 3)
        for row in compared(ASKED, machine, KERNEL)
    ]


def test_a_number_that_no_loop_shows_moves_towards_the_truth() -> None:
    truth = ZEN5.with_value("kernel.table_alloc_ns", 400.0)
    found = calibrate_to(ZEN5, measured_on(truth), KERNEL, starts=1)
    before, after = ZEN5.kernel.table_alloc_ns.value, found.fitted.numbers["kernel.table_alloc_ns"]
    assert before + 50 < after < 400
    assert abs(found.after).max() < abs(found.before).max()
    assert "The fitted numbers explain every operation." in "\n".join(describe_measured(found))


def test_what_no_number_can_explain_is_said() -> None:
    found = calibrate_to(ZEN5, measured_on(ZEN5, 3.0), KERNEL, starts=1)
    text = "\n".join(describe_measured(found))
    assert "Not explained: 3 of 3 operations" in text
    assert max(map(len, text.splitlines())) <= 76
    for prior in found.fitted.problem.priors:
        assert prior.low <= found.fitted.numbers[prior.key] <= prior.high


@pytest.mark.parametrize("name", ["epyc-zen5", "ampere-altra"])
def test_the_fit_predicts_what_the_machine_with_the_same_numbers_does(name: str) -> None:
    machine, asked = load_machine(name), ASKED[:3]
    problem = calibrate_to(machine, asked, KERNEL, starts=1).fitted.problem
    low, high = problem.bounds
    for share in (0.0, 0.3, 1.0):
        numbers = problem.numbers(low + share * (high - low))
        changed = with_numbers(machine, dict(zip(problem.priors, numbers.tolist(), strict=True)))
        alike = [row.predicted_ns or 0.0 for row in compared(asked, changed, KERNEL)]
        assert 1e9 * np.exp(problem.model(numbers)) == pytest.approx(alike, rel=1e-12)


def test_measured_numbers_stay_as_they_are() -> None:
    key = "kernel.table_alloc_ns"
    known = ZEN5.kernel.table_alloc_ns.model_copy(update={"kind": "measured"})
    kernel = ZEN5.kernel.model_copy(update={"table_alloc_ns": known})
    machine = ZEN5.model_copy(update={"kernel": kernel})
    found = calibrate_to(machine, measured_on(machine), KERNEL, starts=1)
    assert key in KEYS and key not in found.fitted.numbers


def test_operations_that_the_model_lacks_cannot_be_fitted() -> None:
    with pytest.raises(ConfigError, match="holds no operation of the model"):
        calibrate_to(ZEN5, [ASKED[-1]], KERNEL)
