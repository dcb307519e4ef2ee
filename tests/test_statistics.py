"""Statistics: the run is the unit, and every formula is the one of scipy.stats."""

from __future__ import annotations

import subprocess
import sys

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


def series(*run_means: float) -> Summary:
    return summarise(np.array([[mean] for mean in run_means]))


def test_what_eight_runs_can_show_by_the_tables_of_students_t() -> None:
    """14 degrees of freedom: 2.1448 (two-sided 5 %) and 0.8681 (80 %)."""
    eight = series(*(10 + normal_scores(8)))
    error = (1 / 8 + 1 / 8) ** 0.5
    assert smallest_detectable(eight, eight) == pytest.approx((2.1448 + 0.8681) * error, rel=1e-4)
    of_ten = change(eight, eight, paired=True).detectable_pct
    assert of_ten == pytest.approx(100 * (2.1448 + 0.8681) * error / 10, rel=1e-4)


def test_three_runs_by_hand() -> None:
    """Means 10 and 12 with deviations 1 and 2; t(0.975, 2) = 4.3027."""
    baseline, new = series(9, 10, 11), series(10, 12, 14)
    result = change(new, baseline, paired=True)
    assert (baseline.mean, baseline.stdev_between_runs) == (10, 1)
    assert (result.mean_pct, result.stdev_pct) == pytest.approx((20, 20))
    # new - 1.2 x baseline: -0.8, 0, 0.8.
    half = 4.3027 * 0.8 / 3**0.5 * 10
    assert result.ci95_pct == pytest.approx((20 - half, 20 + half), abs=1e-3)
    # Differences 1, 2, 3: t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom.
    assert result.p_value == pytest.approx(1 - 3.4641 / (2 + 3.4641**2) ** 0.5, rel=1e-4)
    low, high = mean_interval(baseline) or (0, 0)
    assert (low, high) == pytest.approx((10 - 4.3027 / 3**0.5, 10 + 4.3027 / 3**0.5), rel=1e-4)
    low, high = mean_interval(baseline, 0.5) or (0, 0)
    assert high - 10 == 10 - low == pytest.approx(0.8165 / 3**0.5, rel=1e-4)


def test_two_runs_have_a_deviation() -> None:
    assert series(1, 3).stdev_between_runs == pytest.approx(2**0.5)
    assert summarise(np.array([[1.0, 3.0]])).stdev_within_runs == pytest.approx(2**0.5)


def test_series_without_any_deviation_differ_for_certain_or_not_at_all() -> None:
    same, other = series(2, 2, 2), series(3, 3, 3)
    assert smallest_detectable(same, other) == 0
    for paired in (True, False):
        assert change(other, same, paired=paired).p_value == 0
        assert change(same, same, paired=paired).p_value == 1
        assert change(other, same, paired=paired).ci95_pct == pytest.approx((50, 50))


def test_against_an_exact_baseline_there_is_a_deviation_and_no_test() -> None:
    result = change(series(8, 10, 12), exact(20), paired=False)
    assert (result.mean_pct, result.stdev_pct) == (-50, 10)
    assert (result.ci95_pct, result.p_value, result.detectable_pct) == (None, None, None)
    with pytest.raises(ValueError, match="at least 2 runs"):
        smallest_detectable(series(9, 10), exact(20))


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


def test_they_are_those_of_scipy_which_can_still_be_imported() -> None:
    program = (
        "import sys\n"
        "from costmodel import statistics\n"
        "found = statistics.special_functions()\n"
        "assert 'scipy.special' not in sys.modules\n"
        "import scipy.special, scipy.stats\n"
        "assert scipy.special.stdtr is found.stdtr and scipy.special.stdtrit is found.stdtrit\n"
        "assert abs(scipy.stats.t.ppf(0.975, 7.5) - found.stdtrit(7.5, 0.975)) < 1e-12\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
