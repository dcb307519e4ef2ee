"""Published rows as numbers: units, uncertainties, classes."""

import math

import pytest

from costmodel.calibration.predict import log_times
from costmodel.calibration.targets import BASELINE, FLOOR, PublishedNumber, cases, targets
from costmodel.config.machine import load_machine
from costmodel.config.scenario import load_scenario
from costmodel.published import Metric, Role, all_rows

ALL = targets()
BY_ID = {target.id: target for target in ALL}


def test_every_mapped_row_is_there_unless_it_says_nothing_new() -> None:
    there = {target.row.id for target in ALL}
    for row in all_rows():
        new = row.repeats is None and not row.is_zero_by_definition
        expected = row.role not in (None, Role.REPORT) and new
        assert (row.id in there) == expected, row.id


def test_seconds_imply_a_change_and_are_no_change_themselves() -> None:
    seconds, change = BY_ID["T14/5"], BY_ID["T14/5 change"]
    assert (str(seconds.row_class), seconds.baseline) == ("absolute time", None)
    assert change.implied and change.baseline is not None
    assert change.baseline.strategy == BASELINE
    assert change.mean == pytest.approx(100 * (0.010444 / 0.014046 - 1))
    assert "T14/1 change" not in BY_ID, "a baseline implies no change"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("T07c/4", "storm"),
        ("T11/12", "change, order >= 2"),
        ("T07a/6", "order-0 change"),
        ("T15d/1", "absolute time"),
        ("T16/1", "zap: absolute time"),
        ("T16/2 change", "zap: order-0 change"),
        ("T07b/12", "zap: change, order >= 2"),
    ],
)
def test_classes(name: str, kind: str) -> None:
    assert str(BY_ID[name].row_class) == kind


def test_the_published_deviation_counts_where_it_is_largest() -> None:
    assert BY_ID["T11/6"].sigma == 2.3


def test_no_time_is_known_better_than_the_floor() -> None:
    storm = BY_ID["T07c/4"]
    assert storm.row.stdev == 0.0
    assert storm.sigma == pytest.approx(FLOOR * (100 + storm.mean))
    for target in ALL:
        assert target.log_sigma >= FLOOR * 0.999, target.id


def test_a_rounded_number_is_known_to_half_its_last_digit() -> None:
    assert BY_ID["T15d/1"].sigma == pytest.approx(0.00005), "2.5 ms"


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.id)
def test_a_log_factor_turns_back_into_the_published_unit(target: PublishedNumber) -> None:
    assert target.of_log(math.log(target.factor)) == pytest.approx(target.mean)


def test_fitted_rows_are_few_and_of_one_machine_when_asked() -> None:
    altra = targets("ampere-altra")
    assert {target.row.machine for target in altra} == {"ampere-altra"}
    fitted = [t for t in ALL if t.role is Role.FIT]
    assert 0 < len(fitted) < len([t for t in ALL if t.role is Role.CHECK])


def test_zap_rows_are_predicted_as_their_scenarios_say_and_never_fitted() -> None:
    zap = [target for target in ALL if target.row.operation == "zap"]
    assert {target.role for target in zap} == {Role.CHECK, Role.MIXED}
    assert all(str(target.row_class).startswith("zap: ") for target in zap)
    shown = {
        (workload.state, workload.frames, workload.memory_bytes)
        for name in ("lkml-zap", "lkml-zap-dontneed")
        for workload in load_scenario(name).workloads
    }
    workloads = [case.workload for case in cases(zap)]
    assert {(w.state, w.frames, w.memory_bytes) for w in workloads} == shown


def test_each_case_is_asked_for_once() -> None:
    needed = cases(ALL)
    assert len(needed) == len(set(needed))
    rows_in_seconds = [t for t in ALL if t.row.metric is Metric.SECONDS]
    assert len(cases(rows_in_seconds)) < len(rows_in_seconds)


def test_a_row_without_mitigations_is_predicted_without_them() -> None:
    """Every return of a stock kernel mispredicts on Zen 3; what is not said is taken as stock."""
    row = next(r for r in all_rows() if r.machine == "xeon-4210r" and r.metric is Metric.SECONDS)
    booted = ("unknown", "auto", "off")
    rows = [row.model_copy(update={"mitigations": each}) for each in booted]
    unknown, auto, off = (targets(rows=[each])[0].case for each in rows)
    assert unknown == auto
    times = log_times(load_machine("epyc-milan"), [auto, off])
    assert times[off] < times[auto] - 0.01
