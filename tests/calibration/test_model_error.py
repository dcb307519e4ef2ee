"""The error of a class is the least that holds nine in ten of what was not fitted."""

from __future__ import annotations

import math

import pytest

from costmodel.calibration.model_error import error_lines, model_errors
from costmodel.calibration.targets import PublishedNumber, targets
from costmodel.calibration.validation import Assessment
from costmodel.published import Role
from costmodel.uncertainty.model_error import AnswerClass, change_of

CHANGES = [
    t for t in targets()
    if t.role is Role.CHECK and t.baseline and change_of(t.case.workload) is AnswerClass.ORDER_0
]  # fmt: skip
SOURCES = {(t.row.table[:3], t.row.machine) for t in CHANGES}


def missed(target: PublishedNumber, factor: float, half: float, part: float = 1.0) -> Assessment:
    """Return a prediction that is ``factor`` times the published one, known to within ``half``."""
    own = factor * target.factor
    low, high = (100 * (own * math.exp(each) - 1) for each in (-half, half))
    answer = change_of(target.case.workload)
    return Assessment(target, 100 * (own - 1), (low, high), (low, high), answer, part)


def error_of(assessments: list[Assessment]) -> tuple[float, float, float, float]:
    (one,) = model_errors(assessments)
    assert one.answer is AnswerClass.ORDER_0 and one.sources == len(SOURCES)
    assert one.rows == len(CHANGES)
    return one.pct, one.before, one.inside, one.left_out


def test_what_lies_inside_has_no_further_error() -> None:
    assert error_of([missed(t, 1.02, 0.03) for t in CHANGES]) == (0, 1, 1, 1)


@pytest.mark.parametrize("factor", [1.05, 1 / 1.05])
def test_what_all_miss_is_the_error(factor: float) -> None:
    """The known half-width and the error are legs of a right triangle, on either side."""
    pct, before, inside, left_out = error_of([missed(t, factor, 0.03) for t in CHANGES])
    error = math.sqrt(math.log(1.05) ** 2 - 0.03**2)
    assert pct == pytest.approx(100 * math.expm1(error))
    assert (before, inside, left_out) == (0, 1, 1)


def test_the_error_is_one_of_what_differs() -> None:
    """As large as it must be for the intervals made with it to hold the same rows."""
    pct, *_ = error_of([missed(t, 1.05, 0.03, 0.25) for t in CHANGES])
    assert 0.25 * math.log1p(pct / 100) == pytest.approx(math.sqrt(math.log(1.05) ** 2 - 0.03**2))


def test_below_ten_sources_the_worst_one_gives_the_size() -> None:
    """Left out it is not held by what the others give: that is what the last share tells."""
    assert len(SOURCES) < 10, "no source may be missed wholly"
    (other,) = {t.row.machine for t in CHANGES if t.row.table == "T06"}
    pct, _, inside, left_out = error_of(
        [missed(t, 1.5 if t.row.table == "T06" else 1.01, 0.001) for t in CHANGES]
    )
    assert other == "xeon-4210r" and pct == pytest.approx(50, abs=0.1)
    assert inside == 1 and left_out == pytest.approx(1 - 1 / len(SOURCES))


def test_fitted_rows_and_classes_of_few_sources_tell_nothing() -> None:
    fitted = [t for t in targets() if t.role is Role.FIT and t.baseline]
    assert model_errors([missed(t, 2.0, 0.01) for t in fitted]) == []
    few = [t for t in CHANGES if t.row.table in ("T06", "T14")]
    assert few and model_errors([missed(t, 2.0, 0.01) for t in few]) == []


def test_the_lines_survive_a_mail() -> None:
    lines = list(error_lines(model_errors([missed(t, 1.5, 0.01) for t in CHANGES])))
    assert len(lines) == 5 and all(len(line) <= 76 and line.isascii() for line in lines)
    assert "change, order 0" in lines[3] and "50" in lines[3]
