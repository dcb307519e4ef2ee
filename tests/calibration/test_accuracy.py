"""What we state about our accuracy holds today, and docs/accuracy.md says what is found today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from costmodel.calibration import report
from costmodel.calibration.calibrate import fit_rows
from costmodel.calibration.choices import fitted_keys
from costmodel.calibration.claims import causes, claims
from costmodel.calibration.document import accuracy
from costmodel.calibration.problem import Floats, Problem, problem_of
from costmodel.calibration.report import MachineReport
from costmodel.calibration.row_class import Measure, RowClass, limit_of
from costmodel.calibration.targets import targets
from costmodel.uncertainty.priors import priors, value_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "accuracy.md"
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")


@pytest.fixture(scope="module")
def reports() -> list[MachineReport]:
    return report.validate_machines()


def test_every_stated_accuracy_holds(reports: list[MachineReport]) -> None:
    assert report.missed(reports) == []


def test_something_is_stated_about_every_class_that_was_published() -> None:
    for machine in report.validated_machines():
        published = {t.row_class for t in targets(machine) if t.role.value != "band"}
        assert {claim.kind for claim in claims()[machine].classes} == published


def test_every_miss_has_a_cause_and_every_cause_a_row(reports: list[MachineReport]) -> None:
    misses = {a.target.id for r in reports for a in r.assessments if a.is_miss}
    assert misses <= set(causes())
    assert set(causes()) <= {target.id for target in targets()}
    assert all(len(text) > 30 for text in causes().values())


def test_the_document_is_up_to_date(reports: list[MachineReport]) -> None:
    """If this fails: ``make docs``, and look at the difference."""
    assert_alike(DOCUMENT.read_text(), accuracy(reports))


def test_all_numbers_of_the_fit_are_in_the_machine_file(reports: list[MachineReport]) -> None:
    for found in reports:
        machine = found.machine
        fit = machine.fit
        assert fit is not None, f"costmodel calibrate {machine.name} --write"
        assert tuple(fit.priors) == fitted_keys(machine.name)
        assert fit.rows == [target.id for target in fit_rows(machine.name)]
        fitted = {key for key, p in machine.parameters.items() if p.kind == "fitted"}
        assert fitted == set(fit.priors)


def test_the_fit_is_still_the_best(reports: list[MachineReport]) -> None:
    """If this fails, the core or a machine changed: ``costmodel calibrate --write``."""
    for found in reports:
        machine = found.machine
        chosen = priors(machine, fitted_keys(machine.name))
        problem = problem_of(machine, fit_rows(machine.name), chosen)
        best = np.array([(value_of(machine, p) - p.value) / p.sigma for p in chosen])

        def cost(z: Floats, problem: Problem = problem) -> float:
            return 0.5 * float(np.sum(problem.residuals(z) ** 2))

        assert machine.fit is not None
        low, high = problem.bounds
        for i, prior in enumerate(chosen):
            for sign in (-1, 1):
                moved = best.copy()
                moved[i] += sign * machine.fit.uncertainty.stdev[i] / prior.sigma
                if low[i] <= moved[i] <= high[i]:
                    assert cost(best) <= cost(moved) + 0.5, (machine.name, prior.key, sign)


def test_the_machine_readable_form_carries_every_row(reports: list[MachineReport]) -> None:
    document = json.loads(json.dumps(report.validation_document(reports), allow_nan=False))
    rows = [row for machine in document["machines"] for row in machine["rows"]]
    assert len(rows) == len(targets())
    for row in rows:
        assert row["interval90"][0] <= row["predicted"] <= row["interval90"][1]


def test_the_text_survives_a_mail(reports: list[MachineReport]) -> None:
    for line in report.lines(reports):
        assert len(line) <= 76, line


def test_limits_are_those_that_the_document_names() -> None:
    fork = [limit_of(RowClass(measure), "xeon-4210r") for measure in Measure]
    zap = [limit_of(RowClass(measure, "zap"), "xeon-4210r") for measure in Measure]
    assert fork == [5, 3, 4, 20]
    assert zap == [10, 3, 4, 20]
    assert limit_of(RowClass(Measure.ABSOLUTE), "apple-m2-vm") == 10


def assert_alike(old: str, new: str) -> None:
    """Equal words, and numbers equal but for their last digit: platforms differ there."""
    assert NUMBER.sub("#", old) == NUMBER.sub("#", new)
    for before, after in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
        assert float(before) == pytest.approx(float(after), abs=0.101, rel=0.01)
