"""Loads ``rows.yaml``, the published rows.

A row is a published measurement, with its source and the cell that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.yaml_text import shipped
from costmodel.units import MIB


class Role(StrEnum):
    """What calibration may do with a row."""

    FIT = "fit"  # may be fitted
    CHECK = "check"  # predicted, never fitted
    MIXED = "mixed"  # holds another change too, or a baseline that spreads as much: not fitted
    BAND = "band"  # shows what a build can do; no parameter may follow it
    REPORT = "report"  # whole runs, or another's machine: judged by sign and factor, never fitted


class Metric(StrEnum):
    """The unit of ``mean`` and ``stdev``."""

    REL_PCT = "rel_pct"  # change of run time in percent of the baseline, negative is faster
    SECONDS = "seconds"
    PER_S = "per_s"  # operations of all CPUs in a second
    THROUGHPUT_PCT = "throughput_pct"  # change of that in percent of the baseline

    @property
    def is_change(self) -> bool:
        """Whether it is a change against a baseline."""
        return self in (Metric.REL_PCT, Metric.THROUGHPUT_PCT)

    @property
    def is_throughput(self) -> bool:
        """Whether it is about what all CPUs do in a second."""
        return self in (Metric.PER_S, Metric.THROUGHPUT_PCT)


Mitigations = Literal["auto", "off", "unknown"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Row(_Model):
    """One published number.

    ``mean`` and ``stdev`` are in the unit that ``metric`` names; ``message_ids`` are those of the
    mails that it was published in. ``strategy`` and ``role`` are None for a row that no strategy of
    this package stands for; ``unmapped`` then says why. A number that was published as a range in a
    sentence has its middle as ``mean``, ``prose`` set, and the wording in ``note``. A row that
    prints a measurement a second time names the first in ``repeats``.

    ``machine`` is the one that answers. Where that is not the one that was measured,
    ``measured_on`` says what is known of the latter. ``workload`` holds further keys of the
    workload, as in a scenario; ``numbers`` are those that differ from the machine's file.
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
    threads: Annotated[int, Field(ge=1)] = 1
    workload: Mapping[str, Any] = {}
    numbers: Mapping[str, bool | int | float] = {}
    loop: str | None = None
    """Name of the benchmark loop, which scenarios use."""
    measured_on: str = ""
    strategy: str | None = None
    baseline: str | None = None
    baseline_numbers: Mapping[str, bool | int | float] | None = None
    """The numbers of the baseline of a change; None: ``numbers``."""
    against: str | None = None
    """Id of a row in seconds: the change from that one is compared, too."""
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
    mitigations: Mitigations
    """What the measured kernels did against speculation: ``auto`` (as a stock kernel of 2024) or
    ``off``; ``unknown`` where the source does not say, which is predicted as ``auto``."""
    note: str = ""
    unmapped: str | None = None

    @model_validator(mode="after")
    def _mapped_or_not(self) -> Row:
        laid_out = self.order is not None or "folio_orders" in self.workload
        mapped = self.strategy is not None and self.role is not None and laid_out
        if mapped == (self.unmapped is not None):
            raise ValueError(f"'{self.id}' must have a strategy, role and order, or a reason")
        if mapped and self.metric.is_change == (self.baseline is None):
            raise ValueError(f"'{self.id}' must have a baseline if it is a change, and only then")
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
    runs: int | None = None
    iterations: int | None = None
    note: str = ""
    published_baseline: str | None = None
    compiler: str | None = None
    configuration: str | None = None
    rows: tuple[Row, ...]


@cache
def tables() -> tuple[Table, ...]:
    """Return every published table: those of the threads in order of publication, then reports."""
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


def rows_by_id() -> Mapping[str, Row]:
    """Return every published row by its id."""
    return {row.id: row for row in all_rows()}


def _table(raw: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    of_table = {key: raw[key] for key in raw.keys() & Table.model_fields.keys() - {"rows"}}
    of_rows = {key: raw[key] for key in raw.keys() & Row.model_fields.keys()}
    if "memory_mib" in raw:
        of_rows["memory_bytes"] = raw["memory_mib"] * MIB
    rows = []
    for number, row in enumerate(raw["rows"], start=1):
        whole = {**of_rows, **row, "id": f"{raw['table']}/{number}"}
        rows.append(whole | _reason(row, reasons))
    known = Table.model_fields.keys() | Row.model_fields.keys() | {"memory_mib"}
    if raw.keys() - known:
        raise ValueError(f"'{raw['table']}' has unknown keys: {sorted(raw.keys() - known)}")
    return Table.model_validate({**of_table, "rows": rows})


def _reason(row: Mapping[str, Any], reasons: Mapping[str, str]) -> dict[str, str]:
    return {"unmapped": reasons[row["unmapped"]]} if "unmapped" in row else {}
