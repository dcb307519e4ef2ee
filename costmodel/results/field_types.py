"""The types that fields of result files have: texts, counts, amounts and intervals in bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from costmodel.config.schema import printable, problem
from costmodel.units import LARGEST_ORDER

LENIENT = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)
"""Keys may be added within a schema, so unknown ones are accepted."""

Words = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(printable)]
"""One line of text that a terminal or a picture can show as it is."""
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
# The bounds are far beyond any operation; a picture can still show them.
Amount = Annotated[float, Field(ge=0, le=1e15)]
Duration = Annotated[float, Field(gt=0, le=1e12)]
Percent = Annotated[float, Field(ge=-1e15, le=1e15)]
Share = Annotated[float, Field(gt=0, le=1)]
FolioOrder = Annotated[int, Field(strict=False, ge=0, le=LARGEST_ORDER)]


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    """Return an interval; raise a problem where it ends before it begins."""
    if interval[0] > interval[1]:
        raise problem("must be [low, high]")
    return interval


Interval = Annotated[tuple[Percent, Percent], Field(strict=False), AfterValidator(_ordered)]
