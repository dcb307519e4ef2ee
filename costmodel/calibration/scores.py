"""Summarises the assessments of a machine: errors per class, signs, ranks, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.calibration.row_class import Measure, RowClass
from costmodel.calibration.validation import Assessment
from costmodel.published import Role

ROLES = (Role.FIT, Role.CHECK)


@dataclass(frozen=True)
class Score:
    """The errors of one class of rows: ``median`` and ``worst`` are in percent or points.

    ``inside`` of ``rows`` rows lie in the predicted interval.
    """

    row_class: RowClass
    role: Role | None
    """The role of the rows; None for fitted and checked ones together."""
    rows: int
    inside: int
    median: float
    worst: float


@dataclass(frozen=True)
class OperationScores:
    """The summary of one operation on one machine; rows of other builds are left out."""

    machine: str
    operation: str
    scores: tuple[Score, ...]
    signs: int
    """How many published changes are significantly positive or negative."""
    right_signs: int
    rank: float | None
    """Kendall's tau between published and predicted changes; None below three of them."""
    inside: int
    rows: int


def summaries(assessments: Sequence[Assessment]) -> tuple[OperationScores, ...]:
    """Return the summaries of one machine's assessments, one per operation.

    They are separate so that good predictions of one operation do not hide bad ones of another.
    """
    operations = dict.fromkeys(a.target.row.operation for a in assessments)
    return tuple(
        scores_of([a for a in assessments if a.target.row.operation == operation])
        for operation in operations
    )


def scores_of(assessments: Sequence[Assessment]) -> OperationScores:
    """Return the summary of the assessments of one operation; raise ValueError for none."""
    if not assessments:
        raise ValueError("'assessments' must not be empty (got none)")
    counted = [a for a in assessments if a.target.role in ROLES]
    signed = [a for a in counted if a.has_sign]
    return OperationScores(
        machine=assessments[0].target.row.machine,
        operation=assessments[0].target.row.operation,
        scores=tuple(_scores(counted)),
        signs=len(signed),
        right_signs=sum(a.sign_agrees for a in signed),
        rank=_rank(counted),
        inside=sum(a.inside for a in counted),
        rows=len(counted),
    )


def score(
    assessments: Iterable[Assessment], row_class: RowClass, role: Role | None = None
) -> Score | None:
    """Return the score of a class, for one role or all; None where it has no rows."""
    chosen = [
        a
        for a in assessments
        if a.target.row_class == row_class and a.target.role in ((role,) if role else ROLES)
    ]
    if not chosen:
        return None
    sizes = np.array([a.size for a in chosen])
    return Score(
        row_class=row_class,
        role=role,
        rows=len(chosen),
        inside=sum(a.inside for a in chosen),
        median=float(np.median(sizes)),
        worst=float(sizes.max()),
    )


def _scores(assessments: Sequence[Assessment]) -> Iterable[Score]:
    operations = dict.fromkeys(a.target.row.operation for a in assessments)
    for row_class in (RowClass(m, operation) for operation in operations for m in Measure):
        for role in ROLES:
            found = score(assessments, row_class, role)
            if found:
                yield found


def _rank(assessments: Sequence[Assessment]) -> float | None:
    from scipy.stats import kendalltau

    changes = [a for a in assessments if a.target.baseline is not None]
    if len(changes) < 3:
        return None
    result = kendalltau([a.target.mean for a in changes], [a.predicted for a in changes])
    return float(result.statistic)
