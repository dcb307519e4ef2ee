"""Stand-ins for the core: problems whose answers are known on paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.arrays import Floats
from costmodel.calibration.problem import Data, Problem
from costmodel.uncertainty.priors import Prior


def prior(key: str, *, value: float = 0.0, low: float = -10.0, high: float = 10.0) -> Prior:
    sigma = (high - low) / 3.29
    return Prior(key, value, low, high, sigma=sigma, step=0.1 * sigma, whole=False)


def linear(
    matrix: Sequence[Sequence[float]],
    published: Sequence[float],
    *,
    sigma: float = 0.01,
    priors: Sequence[Prior] | None = None,
) -> Problem:
    """Data that are ``matrix @ parameters``, each known to ``sigma``."""
    known = np.array(matrix)
    rows, columns = known.shape
    chosen = tuple(priors or (prior(f"p{i}") for i in range(columns)))

    def model(numbers: Floats) -> Floats:
        return np.asarray(known @ numbers)

    names = tuple(f"row {i}" for i in range(rows))
    return Problem(model, Data(names, np.array(published), np.full(rows, sigma)), chosen)
