"""Predictions of published numbers are those of ``costmodel run``."""

import math

import pytest

from costmodel.calibration.predict import log_times, predicted, slopes
from costmodel.calibration.targets import cases, targets, usual_case
from costmodel.calibration.validation import assess
from costmodel.config.machine import load_machine
from costmodel.config.scenario import Protocol
from costmodel.experiment import Cell, compare, compare_cells, run_cells
from costmodel.uncertainty.priors import priors

XEON = load_machine("xeon-4210r")
BY_ID = {target.id: target for target in targets("xeon-4210r")}


def test_a_published_change_is_predicted_as_run_does() -> None:
    target = BY_ID["T14/5 change"]
    names = ("v6.7", "folio-batch-v6.9")
    cells = [Cell(XEON, target.case.workload, name, Protocol()) for name in names]
    baseline, change = compare(run_cells(cells, noise=False), "v6.7")
    times = log_times(XEON, cases([target]))
    assert predicted(target, times) == pytest.approx(change.change.mean_pct)
    assert predicted(BY_ID["T14/4"], times) == pytest.approx(baseline.result.summary.mean)


def test_a_published_number_has_the_interval_that_run_shows() -> None:
    target = BY_ID["T14/5 change"]
    (assessment,) = assess(XEON, [target])
    names = ("v6.7", "folio-batch-v6.9")
    cells = [Cell(XEON, target.case.workload, name, Protocol()) for name in names]
    _, change = compare_cells(cells, "v6.7", noise=False)
    assert assessment.interval == pytest.approx(change.model.change_pct)
    assert assessment.interval[0] < assessment.predicted < assessment.interval[1]


def test_slopes_are_those_of_the_time() -> None:
    (alloc,) = priors(XEON, ["kernel.table_alloc_ns"])
    case = usual_case("v6.7", 9)
    (by_case,) = slopes(XEON, [case], [alloc]).values()
    # 512 page tables per GiB, each sigma nanoseconds longer.
    seconds = math.exp(log_times(XEON, [case])[case])
    assert by_case[case] == pytest.approx(512 * alloc.sigma * 1e-9 / seconds, rel=0.01)
