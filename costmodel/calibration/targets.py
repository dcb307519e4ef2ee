"""Published rows as numbers to compare predictions with: a time, or the ratio of two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from costmodel.calibration.row_class import Measure, RowClass
from costmodel.config.core import Mitigations
from costmodel.config.workload import Workload, frames_of, states_of
from costmodel.operations.registry import DEFAULT
from costmodel.published import (
    Metric,
    Role,
    Row,
    all_rows,
    change_against_pct,
    implied_change_pct,
    rows_by_id,
)
from costmodel.units import GIB

FLOOR = 0.01
"""The least relative uncertainty of a time. The smallest published deviations are 0.0 and 0.1 %,
but two builds of the same source differ by more."""
BASELINE = "v6.7"
"""The baseline of the changes that rows in seconds imply."""
NO_MITIGATIONS = {f"mitigations.{key}": number.value for key, number in Mitigations()}
"""The numbers of a kernel that was booted with ``mitigations=off``."""
STORM_PCT = 100.0
"""A change above this is a storm of TLB invalidations, for which the factor is compared."""


@dataclass(frozen=True)
class Case:
    """A strategy and a workload, which have one time on each machine."""

    strategy: str
    workload: Workload
    numbers: tuple[tuple[str, bool | float], ...] = ()
    """What of the machine is not as in its file, by dotted key."""


@dataclass(frozen=True)
class PublishedNumber:
    """A published number that can be predicted.

    ``mean`` is in seconds where ``baseline`` is None, else it is the change of the time in percent
    of the baseline's; of a throughput it is operations per second, or the change of these.
    ``sigma`` is its uncertainty in the unit of ``mean``: the largest of its
    published deviation, half of its last digit, and ``FLOOR`` of the time.
    """

    row: Row
    case: Case
    baseline: Case | None
    mean: float
    sigma: float
    implied: bool = False
    """Whether it is the change that two rows in seconds imply."""

    @property
    def id(self) -> str:
        """The id of the row, with ``change`` behind it where this is the change that it implies."""
        return f"{self.row.id}{' change' if self.implied else ''}"

    @property
    def role(self) -> Role:
        """What calibration may do with it; the implied change of a fitted row counts as fitted."""
        assert self.row.role is not None
        return self.row.role

    @property
    def row_class(self) -> RowClass:
        """The class of rows that it belongs to."""
        return RowClass(self._measure, self.row.operation)

    @property
    def _measure(self) -> Measure:
        if self.row.metric.is_throughput:
            return Measure.THROUGHPUT_CHANGE if self.baseline else Measure.THROUGHPUT
        if self.row.role is Role.REPORT:
            return Measure.REPORTED_CHANGE if self.baseline else Measure.REPORTED_TIME
        if self.baseline is None:
            return Measure.ABSOLUTE
        if abs(self.mean) > STORM_PCT:
            return Measure.STORM
        return Measure.BATCH if self.row.order else Measure.ORDER_0

    @property
    def factor(self) -> float:
        """The published time or throughput, or its ratio to that of the baseline."""
        return self.mean if self.baseline is None else 1 + self.mean / 100

    @property
    def log_sigma(self) -> float:
        """The uncertainty of the natural logarithm of ``factor``."""
        return self.sigma / (self.factor * (1 if self.baseline is None else 100))

    def of_log(self, log: float) -> float:
        """Return a factor, given by its natural logarithm, in the unit of ``mean``."""
        return math.exp(log) if self.baseline is None else 100 * math.expm1(log)


def targets(
    machine: str | None = None, rows: Iterable[Row] | None = None
) -> tuple[PublishedNumber, ...]:
    """Return the published numbers of the threads that can be predicted, in order of publication.

    They are those of one machine or of all, from ``rows`` or from all rows. Numbers that were
    published before and baselines compared with themselves are left out, and reports from elsewhere
    (see :func:`reported`). A row in seconds whose table has the baseline gives a second number, the
    change.
    """
    chosen = all_rows() if rows is None else rows
    return tuple(
        target
        for row in chosen
        if _predictable(row) and machine in (None, row.machine)
        for target in _targets(row)
    )


def reported() -> tuple[PublishedNumber, ...]:
    """Return the published numbers of reports from elsewhere, in the order of the file.

    A row that names another one gives a second number, the change from that one.
    """
    rows = (row for row in all_rows() if row.role is Role.REPORT)
    return tuple(number for row in rows for number in _of_report(row))


def _of_report(row: Row) -> Iterator[PublishedNumber]:
    case = _case(row, row.strategy)
    if row.metric.is_change:
        own = row.numbers if row.baseline_numbers is None else row.baseline_numbers
        base = row.model_copy(update={"numbers": own})
        sigma = _sigma(row, 100 + row.mean)
        yield PublishedNumber(row, case, _case(base, row.baseline), row.mean, sigma)
        return
    yield PublishedNumber(row, case, None, row.mean, _sigma(row, row.mean))
    change = change_against_pct(row)
    if change is not None:
        base = rows_by_id()[row.against or ""]
        sigma = math.sqrt(2) * FLOOR * (100 + change)
        yield PublishedNumber(row, case, _case(base, base.strategy), change, sigma, implied=True)


def cases(chosen: Iterable[PublishedNumber]) -> list[Case]:
    """Return each case that some published numbers need, once."""
    needed = (case for target in chosen for case in (target.case, target.baseline) if case)
    return list(dict.fromkeys(needed))


def _predictable(row: Row) -> bool:
    new = row.repeats is None and not row.is_zero_by_definition
    return row.role is not None and row.role is not Role.REPORT and new


def _targets(row: Row) -> Iterator[PublishedNumber]:
    case = _case(row, row.strategy)
    if row.metric is Metric.SECONDS:
        yield PublishedNumber(row, case, None, row.mean, _sigma(row, row.mean))
        change = implied_change_pct(row, BASELINE)
        if change is not None and row.strategy != BASELINE:
            sigma = math.sqrt(2) * FLOOR * (100 + change)
            yield PublishedNumber(row, case, _case(row, BASELINE), change, sigma, implied=True)
    else:
        yield PublishedNumber(
            row, case, _case(row, row.baseline), row.mean, _sigma(row, 100 + row.mean)
        )


def _sigma(row: Row, size: float) -> float:
    last_digit = Decimal(repr(row.mean)).as_tuple().exponent
    assert isinstance(last_digit, int)
    return max(row.stdev or 0.0, 0.5 * 10.0**last_digit, FLOOR * size)


def usual_case(strategy: str, order: int) -> Case:
    """Return the case of most published rows: fork of 1 GiB of written pages of one folio order."""
    return _of(DEFAULT, strategy, GIB, states_of(DEFAULT)[0], folio_orders={order: 1.0})


def _case(row: Row, strategy: str | None) -> Case:
    assert strategy is not None
    orders = {} if row.order is None else {"folio_orders": {row.order: 1.0}}
    counts = {"cpus": row.cpus, "threads": row.threads, "loop": row.loop}
    more = {**orders, **counts, **row.workload}
    case = _of(row.operation, strategy, row.memory_bytes, row.state, **more)
    booted = NO_MITIGATIONS if row.mitigations == "off" else {}
    return replace(case, numbers=tuple({**booted, **row.numbers}.items()))


def _of(operation: str, strategy: str, memory_bytes: int, state: str, **more: object) -> Case:
    data = {
        "operation": operation,
        "memory_bytes": memory_bytes,
        "frames": frames_of(operation),
        "state": state,
        **more,
    }
    return Case(strategy, Workload.model_validate(data))
