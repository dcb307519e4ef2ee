"""What `costmodel calibrate --write` leaves in a machine file beside the fitted numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, model_validator

from costmodel.config.parameter import Parameter
from costmodel.config.schema import STRICT, Problem, raise_problems

ROUNDING = 0.02
"""Correlations are written with two digits: the matrix may miss being positive by that much."""


class Uncertainty(BaseModel):
    """Joint uncertainty of machine numbers after the fit, those that were not fitted included."""

    model_config = STRICT

    keys: Annotated[list[str], Field(min_length=1)]
    """Dotted keys, the fitted ones first."""
    stdev: list[Annotated[float, Field(gt=0)]]
    """Standard deviations, in the units of the keys."""
    correlation: list[list[Annotated[float, Field(ge=-1, le=1)]]]
    """Row i: with the keys before key i (the first row is empty)."""

    @model_validator(mode="after")
    def _consistent(self) -> Uncertainty:
        raise_problems("uncertainty", self.problems())
        return self

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together: lengths, or a matrix that is no correlation."""
        if len(self.stdev) != len(self.keys):
            yield ("stdev",), f"must have {len(self.keys)} numbers, one per key", len(self.stdev)
        if [len(row) for row in self.correlation] != list(range(len(self.keys))):
            yield ("correlation",), "must have one row per key, row i with i numbers", "others"
        elif np.linalg.eigvalsh(self.matrix()).min() < -ROUNDING * len(self.keys):
            yield ("correlation",), "must be positive semidefinite", "another matrix"

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the whole correlation matrix, float64[n, n]."""
        size = len(self.keys)
        matrix = np.eye(size)
        for i, row in enumerate(self.correlation):
            matrix[i, :i] = matrix[:i, i] = row
        return matrix


class Fit(BaseModel):
    """How the fitted numbers came about."""

    model_config = STRICT

    rows: Annotated[list[str], Field(min_length=1)]
    """Published rows that were fitted (costmodel/published/rows.yaml)."""
    priors: Mapping[str, Parameter[float]]
    """What the sources say: the parameter as it was before the fit, by dotted key."""
    uncertainty: Uncertainty
