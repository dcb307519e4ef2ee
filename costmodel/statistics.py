"""Statistics of repeated measurements, by default 8 runs of 100 iterations, with the run as unit.

The 800 samples are not independent, because all iterations of a run share its physical layout.
Pooling them gives 51 to 79 % false alarms at a nominal 5 %. Student's t quantile comes from
``scipy.special``, as ``scipy.stats`` needs 0.7 s to import; tests compare every function here with
its counterpart in ``scipy.stats``.
"""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Floats

_PACKAGE: Final = "scipy.special"


@cache
def special_functions() -> Any:
    """Return the module of ``scipy.special`` that its functions of numbers are compiled in.

    The package itself looks at all of numpy and writes documentation for other array libraries,
    which takes a quarter of the time of a short question. So it is hidden while its module is
    loaded; who imports it later gets it as ever, with the same functions.
    """
    if _PACKAGE in sys.modules:
        return importlib.import_module(_PACKAGE)
    scipy = importlib.import_module("scipy")
    bare = ModuleType(_PACKAGE)
    bare.__path__ = [str(Path(place) / "special") for place in scipy.__path__]
    sys.modules[_PACKAGE] = bare
    try:
        return importlib.import_module(f"{_PACKAGE}._ufuncs")
    except ImportError:  # another version of scipy
        del sys.modules[_PACKAGE]
        return importlib.import_module(_PACKAGE)
    finally:
        if sys.modules.get(_PACKAGE) is bare:
            del sys.modules[_PACKAGE]


CONFIDENCE = 0.95
"""Confidence level of intervals and of the smallest detectable change."""
POWER = 0.8
"""Probability that a change of the smallest detectable size is detected."""

MIN_RUNS = 2
"""The least number of runs that have a standard deviation."""


@dataclass(frozen=True)
class Summary:
    """The mean and the standard deviations of ``runs`` x ``iterations`` samples, in seconds.

    ``run_means`` holds the mean of each run; ``stdev_between_runs`` is their standard deviation,
    ``stdev_within_runs`` the root mean square of the standard deviations inside each run. They are
    sample deviations (ddof 1), and None where there are too few samples or noise was off.
    """

    mean: float
    stdev_between_runs: float | None = None
    stdev_within_runs: float | None = None
    run_means: tuple[float, ...] = ()


@dataclass(frozen=True)
class Change:
    """A change of run time against a baseline, in percent of the baseline mean.

    ``stdev_pct`` is the deviation of the changed kernel's run means, as the thread's tables print
    it. ``ci95_pct`` is the 95 % interval of ``mean_pct``; ``p_value`` tests for no change;
    ``detectable_pct`` is the smallest change that two separate series with these deviations would
    show. All but the mean are None for exact results.
    """

    mean_pct: float
    stdev_pct: float | None = None
    ci95_pct: tuple[float, float] | None = None
    p_value: float | None = None
    detectable_pct: float | None = None


def summarise(seconds: NDArray[Any]) -> Summary:
    """Return the summary of samples in seconds, of shape [runs, iterations].

        >>> summarise(np.array([[1.0, 3.0], [2.0, 4.0]])).run_means
        (2.0, 3.0)

    Raises ValueError for another number of dimensions and where there is no sample.
    """
    samples = np.asarray(seconds, dtype=np.float64)
    if samples.ndim != 2 or not samples.size:
        raise ValueError(f"'seconds' must be runs x iterations (got shape {samples.shape})")
    runs, iterations = samples.shape
    means = samples.mean(axis=1)
    within = math.sqrt(samples.var(axis=1, ddof=1).mean()) if iterations > 1 else None
    return Summary(
        mean=float(means.mean()),
        stdev_between_runs=float(means.std(ddof=1)) if runs >= MIN_RUNS else None,
        stdev_within_runs=within,
        run_means=tuple(means.tolist()),
    )


def exact(seconds: float) -> Summary:
    """Return the summary of a result that has no noise and so no deviation."""
    return Summary(mean=seconds)


def change(new: Summary, baseline: Summary, *, paired: bool) -> Change:
    """Compare two summaries; ``paired`` says that run ``i`` of both met the same noise.

    The relative change is a ratio of means. Its interval is that of ``new - ratio * baseline`` in
    percent of the baseline's mean: Student's for pairs of runs, or else Welch's. Raises ValueError
    for pairs of series with different numbers of runs.
    """
    ratio = new.mean / baseline.mean
    mean_pct = 100 * (ratio - 1)
    spread = new.stdev_between_runs
    if spread is None or baseline.stdev_between_runs is None:
        return Change(mean_pct, None if spread is None else 100 * spread / baseline.mean)
    runs, other = np.array(new.run_means), np.array(baseline.run_means)
    error, freedom = (_paired if paired else _welch)(runs, ratio * other)
    half = 100 * t_quantile(freedom, (1 + CONFIDENCE) / 2) * error / baseline.mean
    test_error, test_freedom = (_paired if paired else _welch)(runs, other)
    return Change(
        mean_pct=mean_pct,
        stdev_pct=100 * spread / baseline.mean,
        ci95_pct=(mean_pct - half, mean_pct + half),
        p_value=_p_value(new.mean - baseline.mean, test_error, test_freedom),
        detectable_pct=100 * smallest_detectable(new, baseline) / baseline.mean,
    )


def mean_interval(summary: Summary, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Return Student's t interval of the mean in seconds; None for an exact result."""
    if summary.stdev_between_runs is None:
        return None
    runs = len(summary.run_means)
    half = t_quantile(runs - 1, (1 + confidence) / 2) * summary.stdev_between_runs / runs**0.5
    return summary.mean - half, summary.mean + half


def smallest_detectable(new: Summary, baseline: Summary) -> float:
    """Return the smallest difference in seconds that two such series would show as significant.

    It holds for 95 % confidence and 80 % power, and for separate series: runs of real kernels
    cannot be paired. Raises ValueError for summaries of fewer than two runs and exact results.
    """
    if new.stdev_between_runs is None or baseline.stdev_between_runs is None:
        raise ValueError("'new' and 'baseline' must have at least 2 runs each (got none)")
    error, freedom = _welch(np.array(new.run_means), np.array(baseline.run_means))
    if not error:
        return 0.0
    return (t_quantile(freedom, (1 + CONFIDENCE) / 2) + t_quantile(freedom, POWER)) * error


def t_quantile(freedom: float, probability: float) -> float:
    """Return the quantile of Student's t, as ``scipy.stats.t.ppf(probability, freedom)``."""
    return float(special_functions().stdtrit(freedom, probability))


def _paired(new: Floats, baseline: Floats) -> tuple[float, float]:
    """Return standard error and degrees of freedom of the mean difference of pairs."""
    if len(new) != len(baseline):
        raise ValueError(f"paired runs must be equally many (got {len(new)}, {len(baseline)})")
    return float((new - baseline).std(ddof=1)) / math.sqrt(len(new)), len(new) - 1.0


def _welch(new: Floats, baseline: Floats) -> tuple[float, float]:
    """Return standard error and Welch-Satterthwaite degrees of freedom of the difference."""
    first, second = new.var(ddof=1) / len(new), baseline.var(ddof=1) / len(baseline)
    if not first + second:
        return 0.0, float(len(new) + len(baseline) - 2)
    freedom = (first + second) ** 2 / (first**2 / (len(new) - 1) + second**2 / (len(baseline) - 1))
    return math.sqrt(first + second), float(freedom)


def _p_value(difference: float, error: float, freedom: float) -> float:
    if not error:
        return 0.0 if difference else 1.0
    return float(2 * special_functions().stdtr(freedom, -abs(difference) / error))
