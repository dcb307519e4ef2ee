"""The record of a fit in a machine file: what was fitted, and what is uncertain together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, model_validator

from costmodel.config.parameter import Parameter
from costmodel.config.schema import STRICT, Problem, raise_problems

ROUNDING = 0.02
"""Correlations are written with two digits, so an eigenvalue of the matrix may be negative by this
much times the number of keys."""


class Uncertainty(BaseModel):
    """The joint uncertainty of a machine's numbers after the fit.

    It includes numbers that were not fitted.
    """

    model_config = STRICT

    keys: Annotated[list[str], Field(min_length=1)]
    """Dotted keys of the numbers, the fitted ones first."""
    stdev: list[Annotated[float, Field(gt=0)]]
    """Standard deviation of each number, in its own unit."""
    correlation: list[list[Annotated[float, Field(ge=-1, le=1)]]]
    """Row i holds the correlations of number i with all numbers before it; row 0 is empty."""

    @model_validator(mode="after")
    def _consistent(self) -> Uncertainty:
        raise_problems("uncertainty", self.problems())
        return self

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where lengths do not fit, or the matrix cannot be a correlation."""
        if len(self.stdev) != len(self.keys):
            yield ("stdev",), f"must have {len(self.keys)} numbers, one per key", len(self.stdev)
        if [len(row) for row in self.correlation] != list(range(len(self.keys))):
            yield ("correlation",), "must have one row per key, row i with i numbers", "others"
        elif np.linalg.eigvalsh(self.matrix()).min() < -ROUNDING * len(self.keys):
            yield ("correlation",), "must be positive semidefinite", "another matrix"

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the full correlation matrix, float64[n, n]."""
        size = len(self.keys)
        matrix = np.eye(size)
        for i, row in enumerate(self.correlation):
            matrix[i, :i] = matrix[:i, i] = row
        return matrix


class Fit(BaseModel):
    """Where the fitted numbers of a machine come from."""

    model_config = STRICT

    rows: Annotated[list[str], Field(min_length=1)]
    """Ids of the published rows that were fitted (costmodel/published/rows.yaml)."""
    priors: Mapping[str, Parameter[float]]
    """Each fitted parameter as it was before the fit, from its own sources, by dotted key."""
    uncertainty: Uncertainty
