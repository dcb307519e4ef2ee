"""The accuracies that we state (``claims.yaml``), the causes of misses (``causes.yaml``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from costmodel.calibration.row_class import RowClass, prefixed
from costmodel.calibration.scores import score, summaries
from costmodel.calibration.validation import Assessment


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(_Model):
    """What we state about one class of rows on a machine; the unit is that of the class."""

    kind: Annotated[RowClass, BeforeValidator(RowClass.named)]
    median: Annotated[float, Field(gt=0)]
    worst: Annotated[float, Field(gt=0)]


class MachineClaims(_Model):
    """What we state about one machine."""

    classes: tuple[Claim, ...]
    wrong_signs: dict[str, Annotated[int, Field(ge=0)]] = {}
    """By operation: at most so many published changes have the other sign; none if left out."""
    stdev_factor: Annotated[float, Field(gt=1)]
    """Deviations between runs are predicted within this factor, per order class."""


@dataclass(frozen=True)
class ClaimVerdict:
    """One statement, and whether it holds."""

    machine: str
    statement: str
    stated: float
    found: float

    @property
    def holds(self) -> bool:
        """Whether what was found is no worse than what is stated."""
        return self.found <= self.stated


@cache
def claims() -> Mapping[str, MachineClaims]:
    """Return the stated accuracies by machine."""
    return {
        name: MachineClaims.model_validate(value) for name, value in _load("claims.yaml").items()
    }


@cache
def causes() -> Mapping[str, str]:
    """Return the likely cause of each miss, by target id such as ``T14/2`` or ``T14/2 change``."""
    return {
        str(row): str(entry["cause"]) for entry in _load("causes.yaml") for row in entry["rows"]
    }


def verdicts(
    assessments: Sequence[Assessment], stated: MachineClaims, stdev_factor: float | None = None
) -> Iterator[ClaimVerdict]:
    """Hold one machine's assessments against what is stated about it.

    ``stdev_factor``: by how much the predicted deviation between runs is off at worst.
    """
    machine = assessments[0].target.row.machine
    for claim in stated.classes:
        found = score(assessments, claim.kind)
        if found:
            yield ClaimVerdict(machine, f"{claim.kind}, median", claim.median, found.median)
            yield ClaimVerdict(machine, f"{claim.kind}, worst", claim.worst, found.worst)
    for summary in summaries(assessments):
        most = stated.wrong_signs.get(summary.operation, 0)
        wrong = summary.signs - summary.right_signs
        yield ClaimVerdict(machine, prefixed(summary.operation, "wrong signs"), most, wrong)
    if stdev_factor is not None:
        yield ClaimVerdict(machine, "stdev, factor", stated.stdev_factor, stdev_factor)


def _load(name: str) -> Any:
    text = files("costmodel.calibration").joinpath(name).read_text(encoding="utf-8")
    return yaml.safe_load(text)
