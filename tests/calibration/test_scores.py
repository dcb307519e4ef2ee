"""Errors, signs, ranks and statements on assessments made by hand."""

import pytest

from costmodel.calibration.claims import Claim, MachineClaims, verdicts
from costmodel.calibration.deviations import Deviation
from costmodel.calibration.row_class import Measure, RowClass
from costmodel.calibration.scores import score, scores_of, summaries
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.calibration.text import error, interval, machine_table
from costmodel.calibration.validation import Assessment, answer_class
from costmodel.config.machine import load_machine
from costmodel.published import Role
from costmodel.uncertainty.spread import Interval

BATCH = RowClass(Measure.BATCH)

BY_ID = {target.id: target for target in targets()}


def assessed(name: str, predicted: float, half: float = 1.0) -> Assessment:
    return within(BY_ID[name], predicted, (predicted - half, predicted + half))


def within(target: PublishedNumber, predicted: float, interval: Interval) -> Assessment:
    answer = answer_class(target, load_machine(target.row.machine))
    return Assessment(target, predicted, interval, known=interval, answer=answer)


PERFECT = [
    within(t, t.mean, (t.mean - 1, t.mean + 1))
    for t in targets("ampere-altra")
    if t.row.operation == "fork"
]


def test_a_perfect_model() -> None:
    summary = scores_of(PERFECT)
    assert summary.rank == 1.0
    assert summary.right_signs == summary.signs > 3
    assert summary.inside == summary.rows == len([a for a in PERFECT if a.target.role != Role.BAND])
    assert all(s.worst == pytest.approx(0, abs=1e-9) for s in summary.scores)


def test_a_model_that_turns_everything_round() -> None:
    turned = [within(a.target, max(-99.0, -a.target.mean), (-1, 1)) for a in PERFECT]
    assert scores_of(turned).right_signs == 0
    assert scores_of(turned).rank == -1.0


def test_what_zap_gets_wrong_counts_for_zap_alone() -> None:
    wrong = assessed("T07b/16", 0.5)
    fork, zap = summaries([*PERFECT, wrong])
    assert fork == scores_of(PERFECT)
    assert (zap.operation, zap.signs, zap.right_signs, zap.rank) == ("zap", 1, 0, None)
    stated = MachineClaims(classes=(), wrong_signs={}, stdev_factor=2.0)
    found = list(verdicts([*PERFECT, wrong], stated))
    assert [(v.statement, v.holds) for v in found] == [
        ("wrong signs", True),
        ("zap: wrong signs", False),
    ]


@pytest.mark.parametrize(
    ("name", "predicted", "shown", "size"),
    [
        ("T11/12", -10.9, "+3.0", 3.0),
        ("T14/1", 0.014328 * 1.05, "+5.0%", 5.0),
        ("T07c/4", 2 * 3754.4 - 100, "x2.00", 100.0),
        ("T07c/4", 3754.4 / 2 - 100, "x0.50", 100.0),
    ],
)
def test_errors_have_the_unit_of_their_class(
    name: str, predicted: float, shown: str, size: float
) -> None:
    assessment = assessed(name, predicted)
    assert error(assessment) == shown
    assert assessment.size == pytest.approx(size)


def test_a_miss_is_beyond_the_limit_of_its_class_and_machine() -> None:
    assert assessed("T11/12", -9.8).is_miss and not assessed("T11/12", -10.0).is_miss
    assert not assessed("T15d/1", 0.0025 * 1.09).is_miss, "2.5 ms on the M2 may be 10 % off"
    assert assessed("T14/1", 0.014328 * 1.09).is_miss
    assert not assessed("T09/9", -50.0).is_miss, "other builds are not predicted"


def test_an_uncertain_change_has_no_sign() -> None:
    assert not assessed("T07a/6", 1.0).has_sign
    assert assessed("T07e/5", -1.0).has_sign and not assessed("T07e/5", -1.0).sign_agrees


def test_inside_is_about_the_published_number() -> None:
    assert assessed("T11/12", -13.0).inside
    assert not assessed("T11/12", -12.0).inside


def test_fitted_and_checked_rows_are_scored_apart() -> None:
    fitted, checked = score(PERFECT, BATCH, Role.FIT), score(PERFECT, BATCH, Role.CHECK)
    both = score(PERFECT, BATCH)
    assert fitted and checked and both
    assert fitted.rows + checked.rows == both.rows


def test_a_statement_that_does_not_hold_is_found() -> None:
    stated = MachineClaims(
        classes=(Claim(kind=BATCH, median=1.0, worst=4.0),), wrong_signs={}, stdev_factor=2.0
    )
    assert all(verdict.holds for verdict in verdicts(PERFECT, stated, 1.5))
    worse = [a if a.target.id != "T11/12" else assessed("T11/12", -9.0) for a in PERFECT]
    broken = [verdict for verdict in verdicts(worse, stated, 2.5) if not verdict.holds]
    assert [(v.statement, round(v.found, 1)) for v in broken] == [
        (f"{BATCH}, worst", 4.9),
        ("stdev, factor", 2.5),
    ]


def test_a_published_bound_is_kept_by_anything_below() -> None:
    assert Deviation("m", 0, 1.0, 0.4, is_bound=True).factor == 1.0
    assert Deviation("m", 0, 1.0, 2.5, is_bound=True).factor == 2.5
    assert Deviation("m", 0, 1.0, 0.4).factor == 2.5
    assert Deviation("m", 9, 0.0, 0.1).factor == 2.0, "0.0 means at most 0.05"


def test_the_table_survives_a_mail() -> None:
    wide = [within(t, 1.04 * t.mean, (0.5 * t.mean, 99.99 * t.mean)) for t in targets()]
    for line in machine_table("Xeon Silver 4210R", wide):
        assert len(line) <= 76, line
    assert interval(assessed("T14/1", 0.0143, half=0.001)) == "13.30..15.30"


def test_nothing_to_summarise_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        scores_of([])
