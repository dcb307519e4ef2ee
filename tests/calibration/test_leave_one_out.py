"""Each datum predicted by a fit without it."""

import pytest

from costmodel.calibration.calibrate import leave_one_out
from tests.calibration.linear import linear


def test_data_that_agree_predict_each_other() -> None:
    problem = linear([[1.0], [2.0], [3.0]], [0.5, 1.0, 1.5], sigma=1e-4)
    for left in leave_one_out(problem):
        assert left.predicted == pytest.approx(left.published, abs=1e-4)
        assert left.error_pct == pytest.approx(0, abs=0.01)


def test_an_outlier_is_not_followed_when_it_is_left_out() -> None:
    problem = linear([[1.0], [1.0], [1.0]], [0.5, 0.5, 0.9], sigma=0.01)
    agree, _, outlier = leave_one_out(problem)
    assert outlier.predicted == pytest.approx(0.5, abs=1e-3)
    assert outlier.error_pct == pytest.approx(-33, abs=0.5)
    assert agree.predicted == pytest.approx(0.7, abs=1e-2)


def test_the_only_datum_on_a_number_leaves_the_prior() -> None:
    problem = linear([[1.0, 0.0], [0.0, 1.0]], [2.0, 3.0])
    assert [left.predicted for left in leave_one_out(problem)] == pytest.approx([0, 0], abs=1e-6)
