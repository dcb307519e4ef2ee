"""Loads ``rows.yaml``, and finds the published rows of a question.

A row is a published measurement, with its source and the cell that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from operator import attrgetter
from statistics import median
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


@cache
def half_range_pct(machine: str, operation: str, order: int) -> float | None:
    """Return half of the range of the published change of one source in several builds.

    It is in percentage points; of several strategies the median is returned. None where no row of
    the machine, operation and folio order is marked as one of another compiler or code layout (role
    ``band``).
    """
    by_strategy: dict[str, list[Row]] = {}
    for row in all_rows():
        place = (row.machine, row.operation, row.order)
        if place == (machine, operation, order) and row.strategy and row.metric is Metric.REL_PCT:
            by_strategy.setdefault(row.strategy, []).append(row)
    ranges = [_half(rows) for rows in by_strategy.values() if _has_builds(rows)]
    return median(ranges) if ranges else None


def least_half_range_pct(machines: Iterable[str], operation: str, order: int) -> float:
    """Return the smallest :func:`half_range_pct` of several machines; 0 where none has one."""
    known = (half_range_pct(machine, operation, order) for machine in machines)
    return min((half for half in known if half is not None), default=0.0)


def _has_builds(rows: Iterable[Row]) -> bool:
    return len({row.mean for row in rows}) > 1 and any(row.role is Role.BAND for row in rows)


def _half(rows: Iterable[Row]) -> float:
    means = [row.mean for row in rows]
    return (max(means) - min(means)) / 2


_key = attrgetter("machine", "operation", "state", "memory_bytes", "order", "strategy", "cpus")


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

    These are times of the strategy in seconds, and changes against ``baseline`` in percent, as they
    were measured on this very machine.
    """
    wanted = (machine, operation, state, memory_bytes, order, strategy, cpus)
    return tuple(
        row
        for row in all_rows()
        if _is_plain(row)
        and _key(row) == wanted
        and (row.metric is Metric.SECONDS or row.baseline == baseline)
    )


def matching_loop(
    *,
    loop: str,
    machine: str,
    numbers: Mapping[str, object],
    cpus: int,
    threads: int,
    strategy: str,
    baseline: str | None,
) -> tuple[Row, ...]:
    """Return the rows of a benchmark loop on several CPUs that belong to one cell.

    ``numbers`` are those that differ from the machine's file.
    """
    wanted = (loop, machine, dict(numbers), cpus, threads, strategy)
    return tuple(
        row
        for row in all_rows()
        if (row.loop, row.machine, dict(row.numbers), row.cpus, row.threads, row.strategy) == wanted
        and row.baseline in (None, baseline)
    )


def loop_names() -> tuple[str, ...]:
    """Return the names of the benchmark loops that something was published about."""
    return tuple(dict.fromkeys(row.loop for row in all_rows() if row.loop is not None))


def roles_of_times(machine: str, operation: str) -> frozenset[Role]:
    """Return the roles of the published times of an operation on a machine; changes do not count.

    Only rows that a strategy of this package stands for count, and only this very machine's.
    """
    wanted = (machine, operation, Metric.SECONDS)
    return frozenset(
        row.role
        for row in all_rows()
        if row.role is not None
        and not row.measured_on
        and (row.machine, row.operation, row.metric) == wanted
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


def change_against_pct(row: Row) -> float | None:
    """Return the change in percent from the row that ``against`` names; None where none is."""
    if row.against is None:
        return None
    return 100 * (row.mean / rows_by_id()[row.against].mean - 1)


def _is_plain(row: Row) -> bool:
    """Tell whether a row is of the machine that it names, in a workload without further keys."""
    return not (row.measured_on or row.workload or row.numbers or row.loop)
