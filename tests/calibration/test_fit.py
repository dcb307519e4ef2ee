"""Fitting: what is known is found again, bounds hold, uncertainty is what algebra says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.arrays import Floats
from costmodel.calibration.fit import fit
from costmodel.calibration.problem import Data, Problem
from costmodel.uncertainty.priors import Prior
from tests.calibration.linear import linear, prior

SMALL = st.floats(-3, 3)


@settings(max_examples=25, deadline=None)
@given(truth=st.tuples(SMALL, SMALL))
def test_known_numbers_are_found_again(truth: tuple[float, float]) -> None:
    matrix = np.array([[1.0, 0.5], [0.2, -1.0], [1.0, 1.0]])
    found = fit(linear(matrix.tolist(), (matrix @ truth).tolist(), sigma=1e-4), starts=2)
    assert list(found.numbers.values()) == pytest.approx(truth, abs=1e-3)
    assert found.cost < 1


@settings(max_examples=25, deadline=None)
@given(far=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3))
def test_bounds_are_never_left(far: list[float]) -> None:
    seen: list[Floats] = []
    problem = linear([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]], far)

    def watched(numbers: Floats) -> Floats:
        seen.append(numbers)
        return problem.model(numbers)

    found = fit(Problem(watched, problem.data, problem.priors), starts=3)
    for numbers in [*seen, np.array(list(found.numbers.values()))]:
        assert np.all(numbers >= -10) and np.all(numbers <= 10)


def test_a_number_that_wants_out_is_reported_on_its_bound() -> None:
    found = fit(linear([[1.0, 0.0], [0.0, 1.0]], [50.0, 1.0]))
    assert found.on_bounds == ["p0"]
    assert found.numbers["p0"] == pytest.approx(10, abs=0.02)


def test_the_covariance_of_a_linear_case() -> None:
    matrix, sigma = np.array([[1.0, 0.5], [0.2, -1.0], [1.0, 1.0]]), 0.5
    problem = linear(matrix.tolist(), [0.1, 0.2, 0.3], sigma=sigma)
    scale = problem.priors[0].sigma
    information = matrix.T @ matrix / sigma**2 + np.eye(2) / scale**2
    exact = np.linalg.inv(information)
    found = fit(problem)
    assert list(found.standard_errors.values()) == pytest.approx(np.sqrt(np.diag(exact)))
    assert found.correlation[0, 1] == pytest.approx(
        exact[0, 1] / np.sqrt(exact[0, 0] * exact[1, 1])
    )
    assert found.degrees_of_freedom == 1


def test_numbers_that_only_act_together_are_named() -> None:
    together = fit(linear([[1.0, 1.0], [2.0, 2.0]], [1.0, 2.0]))
    (weak,) = [direction for direction in together.directions if direction.is_weak]
    assert weak.strength == pytest.approx(0, abs=1e-9)
    assert weak.weights["p0"] == pytest.approx(-weak.weights["p1"])
    apart = fit(linear([[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0]))
    assert not any(direction.is_weak for direction in apart.directions)


def test_what_the_data_do_not_see_stays_at_its_prior() -> None:
    priors = (prior("seen"), prior("unseen", value=4.0))
    found = fit(linear([[1.0, 0.0]], [2.0], priors=priors))
    assert found.numbers["unseen"] == pytest.approx(4.0, abs=1e-6)
    assert found.standard_errors["unseen"] == pytest.approx(priors[1].sigma)


def test_several_starts_find_the_deeper_of_two_valleys() -> None:
    def model(numbers: Floats) -> Floats:
        x = numbers[0]
        return np.array([(x - 8.0) * (x + 1.0), 0.05 * (x - 8.0)])

    valley = Prior("x", 0.0, -10.0, 10.0, sigma=6.0, step=0.05, whole=False)
    problem = Problem(model, Data(("a", "b"), np.zeros(2), np.full(2, 0.01)), (valley,))
    assert fit(problem, starts=1).numbers["x"] == pytest.approx(-1, abs=0.1)
    deeper = fit(problem, starts=6)
    assert deeper.numbers["x"] == pytest.approx(8, abs=0.1)
    assert 1 <= deeper.agreeing_starts < deeper.starts == 6


def test_whole_cycles_do_not_stop_it() -> None:
    def steps(numbers: Floats) -> Floats:
        return np.array([np.ceil(numbers[0]) / 10])

    cycles = Prior("some_cycles", 18.0, 10.0, 40.0, sigma=9.0, step=2.0, whole=False)
    problem = Problem(steps, Data(("row",), np.array([2.5]), np.array([0.01])), (cycles,))
    assert np.ceil(fit(problem).numbers["some_cycles"]) == 25


def test_progress_is_told_once_per_start() -> None:
    calls: list[None] = []
    fit(linear([[1.0]], [1.0]), starts=3, progress=lambda: calls.append(None))
    assert len(calls) == 3


def test_no_start_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'starts' must be at least 1 \(got 0\)"):
        fit(linear([[1.0]], [1.0]), starts=0)
