"""Loads ``rows.yaml``: published measurements, their sources, and which cell each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.yaml_text import shipped

MIB = 1 << 20


class Role(StrEnum):
    """What calibration may do with a row."""

    FIT = "fit"  # may be fitted
    CHECK = "check"  # predicted, never fitted
    MIXED = "mixed"  # holds another change too, or a baseline that spreads as much: not fitted
    BAND = "band"  # shows what a build can do; no parameter may follow it


class Metric(StrEnum):
    """The unit of ``mean`` and ``stdev``."""

    REL_PCT = "rel_pct"  # change of run time in percent of the baseline, negative is faster
    SECONDS = "seconds"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Row(_Model):
    """One published number.

    ``mean`` and ``stdev`` are in the unit that ``metric`` names; ``message_ids`` are those of the
    mails that it was published in. ``strategy`` and ``role`` are None for a row that no strategy of
    this package stands for; ``unmapped`` then says why. A number that was published as a range in a
    sentence has its middle as ``mean``, ``prose`` set, and the wording in ``note``. A row that
    prints a measurement a second time names the first in ``repeats``.
    """

    id: str
    """Table and number in it, such as ``T07a/2``."""
    source: str
    message_ids: tuple[str, ...]
    operation: str
    memory_bytes: int
    runs: int | None = None
    iterations: int | None = None
    machine: str
    state: str = "writable"
    order: Annotated[int | None, Field(ge=0, le=9)] = None
    cpus: Annotated[int, Field(ge=1)] = 1
    strategy: str | None = None
    baseline: str | None = None
    role: Role | None = None
    metric: Metric
    mean: float
    stdev: Annotated[float | None, Field(ge=0)] = None
    prose: bool = False
    repeats: str | None = None
    variant: str
    """The row's label as published."""
    published_baseline: str | None = None
    compiler: str | None = None
    """The compiler of the measured kernels; None where the source does not say."""
    configuration: str | None = None
    note: str = ""
    unmapped: str | None = None

    @model_validator(mode="after")
    def _mapped_or_not(self) -> Row:
        mapped = self.strategy is not None and self.role is not None and self.order is not None
        if mapped == (self.unmapped is not None):
            raise ValueError(f"'{self.id}' must have a strategy, role and order, or a reason")
        if mapped and (self.metric is Metric.SECONDS) != (self.baseline is None):
            raise ValueError(f"'{self.id}' must have a baseline unless it is in seconds")
        return self

    @property
    def table(self) -> str:
        """The table that the row stands in, such as ``T07a``."""
        return self.id.split("/", maxsplit=1)[0]

    @property
    def is_zero_by_definition(self) -> bool:
        """Whether a baseline is compared with itself, so that only its deviation is information."""
        return self.metric is Metric.REL_PCT and self.strategy == self.baseline and not self.mean

    @property
    def citation(self) -> str:
        """The source with its message ids, for a reader who wants to look it up."""
        ids = "".join(f" <{message_id}>" for message_id in self.message_ids)
        return f"{self.source}{ids}"


class Table(_Model):
    """The rows of one published table, with the fields that they share."""

    table: str
    source: str
    message_ids: tuple[str, ...]
    date: str
    operation: str
    memory_mib: Annotated[int, Field(ge=1)]
    runs: int | None = None
    iterations: int | None = None
    note: str = ""
    published_baseline: str | None = None
    compiler: str | None = None
    configuration: str | None = None
    rows: tuple[Row, ...]


@cache
def tables() -> tuple[Table, ...]:
    """Return every published table, in order of publication."""
    return parse(shipped("costmodel.published", "rows.yaml"))


def parse(data: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the tables in the parsed content of ``rows.yaml``.

    Raises pydantic's ValidationError where it does not fit the fields.
    """
    return tuple(_table(raw, data["reasons"]) for raw in data["tables"])


@cache
def all_rows() -> tuple[Row, ...]:
    """Return every published row, mapped or not."""
    return tuple(row for table in tables() for row in table.rows)


def matching(
    *,
    machine: str,
    operation: str,
    state: str,
    memory_bytes: int,
    order: int,
    strategy: str,
    baseline: str | None,
    cpus: int = 1,
) -> tuple[Row, ...]:
    """Return the published rows of one cell.

    These are times of the strategy in seconds, and changes against ``baseline`` in percent.
    """
    wanted = (machine, operation, state, memory_bytes, order, strategy, cpus)
    return tuple(
        row
        for row in all_rows()
        if _key(row) == wanted and (row.metric is Metric.SECONDS or row.baseline == baseline)
    )


def has_times(machine: str, operation: str) -> bool:
    """Tell whether a time of an operation on a machine was published, not only a change.

    Only rows that a strategy of this package stands for count.
    """
    return any(
        (row.machine, row.operation, row.metric) == (machine, operation, Metric.SECONDS)
        for row in all_rows()
        if row.role is not None
    )


def implied_change_pct(row: Row, baseline: str) -> float | None:
    """Return the change in percent that a row in seconds and its table's baseline row imply.

    None where the table has no such baseline row for the machine and order.
    """
    if row.metric is not Metric.SECONDS:
        return None
    for other in all_rows():
        same = (other.table, other.machine, other.order) == (row.table, row.machine, row.order)
        if same and other.metric is Metric.SECONDS and other.strategy == baseline:
            return 100 * (row.mean / other.mean - 1)
    return None


def _key(row: Row) -> tuple[object, ...]:
    return (
        row.machine,
        row.operation,
        row.state,
        row.memory_bytes,
        row.order,
        row.strategy,
        row.cpus,
    )


def _table(raw: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    common = {
        "source": raw["source"],
        "message_ids": raw["message_ids"],
        "operation": raw["operation"],
        "memory_bytes": raw["memory_mib"] * MIB,
        "runs": raw.get("runs"),
        "iterations": raw.get("iterations"),
        "published_baseline": raw.get("published_baseline"),
        "compiler": raw.get("compiler"),
        "configuration": raw.get("configuration"),
    }
    rows = [
        common | row | {"id": f"{raw['table']}/{number}"} | _reason(row, reasons)
        for number, row in enumerate(raw["rows"], start=1)
    ]
    return Table.model_validate({**raw, "rows": rows})


def _reason(row: Mapping[str, Any], reasons: Mapping[str, str]) -> dict[str, str]:
    return {"unmapped": reasons[row["unmapped"]]} if "unmapped" in row else {}
