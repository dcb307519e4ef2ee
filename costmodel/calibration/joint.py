"""The joint uncertainty of all numbers after a fit, reduced to those that matter.

A number that is not fitted is still correlated with those that are: if it were larger, the fit
would have made up for it. So the covariance is that of all uncertain numbers together, given the
fitted rows, to first order. Rows like the fitted ones are then predicted better than the numbers
themselves are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from costmodel.arrays import Floats
from costmodel.calibration.predict import slopes
from costmodel.calibration.targets import BASELINE, Case, PublishedNumber, cases, usual_case
from costmodel.config.fit import Uncertainty
from costmodel.uncertainty.priors import Prior, priors

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

COVERED = 0.98
"""The share of the variance of changes and times that the kept numbers must explain."""
MOST = 10
LEAST_GAIN = 0.002
"""A number that explains less than this share in addition is not kept."""
DIGITS = 2
"""The number of decimals of correlations in a machine file."""
ORDERS = (0, 9)
PUBLISHED_AT_0 = ("folio-scan-v3", "folio-batch-v6.9", "contpte-arch-batch")
"""The strategies considered at order 0, where all of them copy entry by entry."""


def uncertainty(
    machine: Machine, rows: Sequence[PublishedNumber], fitted: Sequence[str], *, chi2: float = 0.0
) -> Uncertainty:
    """Return the joint uncertainty of a fitted machine's numbers, after ``rows`` were fitted.

    The keys ``fitted`` come first, then all others that matter for the built-in strategies.
    ``chi2`` is the sum of squared misfits of the fit. Where it exceeds the number of rows, the
    model misses them by more than their uncertainty, and this is scaled up accordingly (the Birge
    ratio).
    """
    mistrust = math.sqrt(max(1.0, chi2 / len(rows)))
    all_priors = priors(machine)
    questions = _questions(machine)
    needed = list(dict.fromkeys([*cases(rows), *(c for pair in questions for c in pair if c)]))
    by_prior = slopes(machine, needed, all_priors)
    covariance = _covariance(
        np.array([_gradient(by_prior, t.case, t.baseline) for t in rows]).reshape(len(rows), -1),
        mistrust * np.array([target.log_sigma for target in rows]),
    )
    gradients = np.array([_gradient(by_prior, *pair) for pair in questions])
    first = [i for i, prior in enumerate(all_priors) if prior.key in fitted]
    kept = _dominant(gradients, covariance, first)
    return _written(all_priors, covariance, kept)


def _questions(machine: Machine) -> list[tuple[Case, Case | None]]:
    """Return the usual questions: the baseline's time and each strategy's change, per order."""
    from costmodel.strategies.catalogue import built_in

    fitting = [s.name for s in built_in().values() if machine.isa in s.programs]
    found: list[tuple[Case, Case | None]] = []
    for order in ORDERS:
        baseline = usual_case(BASELINE, order)
        found.append((baseline, None))
        asked = set(fitting) if order else set(fitting) & set(PUBLISHED_AT_0)
        found += [(usual_case(name, order), baseline) for name in sorted(asked - {BASELINE})]
    return found


def _gradient(
    by_prior: dict[Prior, dict[Case, float]], case: Case, baseline: Case | None
) -> list[float]:
    return [
        slope[case] - (slope[baseline] if baseline is not None else 0.0)
        for slope in by_prior.values()
    ]


def _covariance(jacobian: Floats, sigma: Floats) -> Floats:
    """Return the covariance of all numbers, float64[p, p], in prior standard deviations."""
    scaled = jacobian / sigma[:, None]
    return np.asarray(np.linalg.inv(scaled.T @ scaled + np.eye(jacobian.shape[1])))


def _dominant(gradients: Floats, covariance: Floats, first: list[int]) -> list[int]:
    """Return the positions of the numbers that explain most, chosen greedily after ``first``."""
    kept = list(first)
    total = np.einsum("qi,ij,qj->q", gradients, covariance, gradients)
    total = np.maximum(total, 1e-12)

    def explained(chosen: list[int]) -> float:
        """Return the share of the variances that these numbers have, on average."""
        part = np.einsum(
            "qi,ij,qj->q",
            gradients[:, chosen],
            covariance[np.ix_(chosen, chosen)],
            gradients[:, chosen],
        )
        # Leaving out a correlated number can make the variance larger as well as smaller.
        return float(1 - np.mean(np.abs(total - part) / total))

    while len(kept) < MOST and explained(kept) < COVERED:
        left = [i for i in range(len(covariance)) if i not in kept]
        best = max(left, key=lambda i: explained([*kept, i]))
        if explained([*kept, best]) < explained(kept) + LEAST_GAIN:
            break
        kept.append(best)
    return kept


def _written(all_priors: Sequence[Prior], covariance: Floats, kept: list[int]) -> Uncertainty:
    part = covariance[np.ix_(kept, kept)]
    errors = np.sqrt(np.diag(part))
    correlation = part / np.outer(errors, errors)
    return Uncertainty(
        keys=[all_priors[i].key for i in kept],
        stdev=[float(f"{all_priors[i].sigma * e:.3g}") for i, e in zip(kept, errors, strict=True)],
        correlation=[
            [round(float(c), DIGITS) + 0.0 for c in correlation[i, :i]] for i in range(len(kept))
        ],
    )
