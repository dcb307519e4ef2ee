"""Statistics: the run is the unit, and every formula is the one of scipy.stats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from costmodel.statistics import (
    Summary,
    change,
    exact,
    mean_interval,
    smallest_detectable,
    summarise,
    t_quantile,
)

GENERATOR = np.random.default_rng(5)
BASELINE = 0.0143 * np.exp(GENERATOR.normal(0, 0.01, (8, 1)) + GENERATOR.normal(0, 0.02, (8, 100)))
FASTER = 0.0101 * np.exp(GENERATOR.normal(0, 0.012, (8, 1)) + GENERATOR.normal(0, 0.02, (8, 100)))


def test_the_run_is_the_unit() -> None:
    summary = summarise(np.array([[1.0, 3.0], [4.0, 6.0]]))
    assert summary.mean == 3.5
    assert summary.run_means == (2.0, 5.0)
    assert summary.stdev_between_runs == pytest.approx(np.std([2.0, 5.0], ddof=1))
    assert summary.stdev_within_runs == pytest.approx(2**0.5)


def test_one_run_or_one_iteration_has_no_deviation() -> None:
    assert summarise(np.ones((1, 100))).stdev_between_runs is None
    assert summarise(np.ones((8, 1))).stdev_within_runs is None


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0)])
def test_samples_must_be_runs_by_iterations(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="runs x iterations"):
        summarise(np.zeros(shape))


def test_the_interval_of_a_mean_is_students() -> None:
    summary = summarise(BASELINE)
    means = np.array(summary.run_means)
    low, high = stats.t.interval(0.95, 7, loc=means.mean(), scale=stats.sem(means))
    assert mean_interval(summary) == pytest.approx((low, high))


@given(freedom=st.floats(1, 200), probability=st.floats(0.01, 0.99))
def test_the_quantile_is_the_one_of_scipy_stats(freedom: float, probability: float) -> None:
    assert t_quantile(freedom, probability) == pytest.approx(
        stats.t.ppf(probability, freedom), abs=1e-9
    )


def test_a_change_is_in_percent_of_the_baseline_mean() -> None:
    new, baseline = summarise(FASTER), summarise(BASELINE)
    result = change(new, baseline, paired=False)
    assert result.mean_pct == pytest.approx(100 * (FASTER.mean() / BASELINE.mean() - 1))
    assert result.stdev_pct == pytest.approx(
        100 * np.std(new.run_means, ddof=1) / np.mean(baseline.run_means)
    )


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_and_p_values_are_those_of_scipy_stats(paired: bool) -> None:
    new, baseline = summarise(FASTER), summarise(BASELINE)
    runs, others = np.array(new.run_means), np.array(baseline.run_means)
    result = change(new, baseline, paired=paired)
    scaled = others * (new.mean / baseline.mean)
    if paired:
        interval = stats.ttest_rel(runs, scaled).confidence_interval()
        p_value = stats.ttest_rel(runs, others).pvalue
    else:
        interval = stats.ttest_ind(runs, scaled, equal_var=False).confidence_interval()
        p_value = stats.ttest_ind(runs, others, equal_var=False).pvalue
    assert result.ci95_pct == pytest.approx(
        (
            result.mean_pct + 100 * interval.low / baseline.mean,
            result.mean_pct + 100 * interval.high / baseline.mean,
        )
    )
    assert result.p_value == pytest.approx(p_value)


def test_common_noise_cancels_in_pairs() -> None:
    new, baseline = summarise(BASELINE * 0.99), summarise(BASELINE)
    paired, separate = (change(new, baseline, paired=flag) for flag in (True, False))
    assert paired.ci95_pct == pytest.approx((-1, -1))
    assert separate.ci95_pct is not None
    assert separate.ci95_pct[0] < -1.5 < -0.5 < separate.ci95_pct[1]


def test_the_smallest_detectable_change_is_found_four_times_in_five() -> None:
    sigma, runs, trials = 0.01, 8, 4000
    generator = np.random.default_rng(1)
    # With the true deviation known, the formula must give the stated power.
    half = Summary(1.0, sigma, None, tuple(1 + sigma * normal_scores(runs)))
    shift = smallest_detectable(half, half)
    first = generator.normal(1.0, sigma, (trials, runs))
    second = generator.normal(1.0 + shift, sigma, (trials, runs))
    found = stats.ttest_ind(first, second, axis=1, equal_var=False).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.04)


def normal_scores(count: int) -> np.ndarray:
    scores = np.linspace(-1, 1, count)
    standard: np.ndarray = (scores - scores.mean()) / scores.std(ddof=1)
    return standard


def test_exact_results_carry_no_deviation() -> None:
    result = change(exact(0.010), exact(0.014), paired=True)
    assert result.mean_pct == pytest.approx(-28.571428)
    assert (result.stdev_pct, result.ci95_pct, result.p_value) == (None, None, None)
    assert mean_interval(exact(1.0)) is None
    with pytest.raises(ValueError, match="at least 2 runs"):
        smallest_detectable(exact(1.0), exact(1.0))


def test_a_baseline_does_not_differ_from_itself() -> None:
    baseline = summarise(BASELINE)
    result = change(baseline, baseline, paired=True)
    assert (result.mean_pct, result.ci95_pct, result.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_pairs_need_equally_many_runs() -> None:
    with pytest.raises(ValueError, match="equally many"):
        change(summarise(BASELINE[:4]), summarise(BASELINE), paired=True)
