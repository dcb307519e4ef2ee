"""The stated accuracies (``claims.yaml``) and the likely causes of misses (``causes.yaml``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from costmodel.calibration.row_class import RowClass, prefixed
from costmodel.calibration.scores import score, summaries
from costmodel.calibration.validation import Assessment
from costmodel.config.yaml_text import shipped


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(_Model):
    """The stated median and worst error of a class of rows, in the unit of the class."""

    kind: Annotated[RowClass, BeforeValidator(RowClass.named)]
    median: Annotated[float, Field(gt=0)]
    worst: Annotated[float, Field(gt=0)]


class MachineClaims(_Model):
    """The stated accuracies of a machine."""

    classes: tuple[Claim, ...]
    wrong_signs: dict[str, Annotated[int, Field(ge=0)]] = {}
    """By operation, how many published changes may have another sign than predicted (default 0)."""
    stdev_factor: Annotated[float, Field(gt=1)]
    """The factor within which standard deviations between runs are predicted, per folio order."""


_LOOPS = "loops"


@dataclass(frozen=True)
class ClaimVerdict:
    """A stated accuracy, and the one that was found."""

    machine: str
    statement: str
    stated: float
    found: float

    @property
    def holds(self) -> bool:
        """Whether the accuracy found is no worse than the stated one."""
        return self.found <= self.stated


@cache
def claims() -> Mapping[str, MachineClaims]:
    """Return the stated accuracies by machine."""
    machines = {name: value for name, value in _load("claims.yaml").items() if name != _LOOPS}
    return {name: MachineClaims.model_validate(value) for name, value in machines.items()}


@cache
def causes() -> Mapping[str, str]:
    """Return the likely cause of each miss, by target id such as ``T14/2`` or ``T14/2 change``."""
    return {
        str(row): str(entry["cause"]) for entry in _load("causes.yaml") for row in entry["rows"]
    }


def verdicts(
    assessments: Sequence[Assessment], stated: MachineClaims, stdev_factor: float | None = None
) -> Iterator[ClaimVerdict]:
    """Yield a verdict for each accuracy stated for a machine.

    ``stdev_factor`` is the largest factor between predicted and published standard deviations.
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


def loop_verdicts(assessments: Sequence[Assessment]) -> Iterator[ClaimVerdict]:
    """Yield a verdict for each published loop whose accuracy is stated.

    ``assessments`` are those of the numbers reported from elsewhere.
    """
    for table, stated in _load("claims.yaml")[_LOOPS].items():
        rows = [a for a in assessments if a.target.row.table == table]
        machine = rows[0].target.row.machine
        worst = max(a.size for a in rows)
        yield ClaimVerdict(machine, f"{table}, {len(rows)} rows on several CPUs", stated, worst)


def _load(name: str) -> Any:
    return shipped("costmodel.calibration", name)
