"""Calibration of the shipped machines: synthetic rows, declared numbers, the command."""

from collections.abc import Sequence

import numpy as np
import pytest

from costmodel.calibration.calibrate import calibrate as run_calibration
from costmodel.calibration.calibrate import check_can_calibrate, describe_fit, fit_rows
from costmodel.calibration.choices import FITTED
from costmodel.calibration.fit import fit
from costmodel.calibration.problem import Data, problem_of
from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.uncertainty.priors import priors, with_numbers


@pytest.mark.parametrize("name", FITTED)
def test_no_more_is_fitted_than_the_rows_can_carry(name: str) -> None:
    assert 0 < len(FITTED[name]) <= len(fit_rows(name))
    machine = load_machine(name)
    keys = [choice.key for choice in FITTED[name]]
    assert [prior.key for prior in priors(machine, keys)] == keys, "each has an interval"
    assert all(len(choice.reason) > 40 for choice in FITTED[name])


def test_numbers_are_found_again_from_what_they_predict() -> None:
    machine = load_machine("ampere-altra")
    rows = fit_rows("ampere-altra")
    chosen = priors(machine, ["tlbi.issue_ns", "kernel.table_alloc_ns"])
    truth = with_numbers(machine, dict(zip(chosen, (150.0, 300.0), strict=True)))
    problem = problem_of(truth, rows, chosen)
    published = problem.model(np.array([150.0, 300.0]))
    exact = Data(problem.data.names, published, np.full(len(rows), 1e-5))
    found = fit(type(problem)(problem_of(machine, rows, chosen).model, exact, chosen), starts=1)
    assert found.numbers["tlbi.issue_ns"] == pytest.approx(150.0, rel=0.01)
    assert found.numbers["kernel.table_alloc_ns"] == pytest.approx(300.0, rel=0.2)


def test_a_machine_without_published_rows_is_refused() -> None:
    with pytest.raises(ConfigError, match="no published rows to fit"):
        check_can_calibrate(load_machine("graviton3"))


def test_the_report_says_what_was_fitted_and_survives_a_mail() -> None:
    calls: list[int] = []
    done = run_calibration(load_machine("xeon-4210r"), starts=1, progress=lambda: calls.append(1))
    lines = list(describe_fit(done))
    assert len(calls) == 1 + len(done.rows) + 1
    assert all(len(line) <= 76 for line in lines)
    text = "\n".join(lines)
    for choice in FITTED["xeon-4210r"]:
        assert choice.key in text
    assert "degrees of freedom" in text
    assert done.uncertainty.keys[: len(FITTED["xeon-4210r"])] == _keys(done.fitted.numbers)


def _keys(numbers: Sequence[str] | dict[str, float]) -> list[str]:
    return list(numbers)
