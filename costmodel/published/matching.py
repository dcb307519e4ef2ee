"""Finds the published rows of a question, and what rows say beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING

from costmodel.published.rows import Metric, Role, Row, all_rows, rows_by_id

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload


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
        and row.mitigations != "off"
    )


def loop_names() -> tuple[str, ...]:
    """Return the names of the benchmark loops that something was published about."""
    return tuple(dict.fromkeys(row.loop for row in all_rows() if row.loop is not None))


def roles_of_times(
    machine: Machine, operation: str, workload: Workload | None = None
) -> frozenset[Role]:
    """Return the roles of the published times of an operation on a machine; changes do not count.

    Only rows that a strategy of this package stands for count, and only this very machine's: there
    are none of a machine whose numbers are not those of the shipped one of its name. With
    ``workload`` only times of the same kind count: those of its state on one CPU, as what was
    published has neither thousands of mappings nor holes nor folios that PMDs map.
    """
    if not machine.is_shipped or (workload is not None and _is_of_a_new_kind(workload)):
        return frozenset()
    wanted = (machine.name, operation, Metric.SECONDS)
    return frozenset(
        row.role
        for row in all_rows()
        if row.role is not None
        and not row.measured_on
        and (row.machine, row.operation, row.metric) == wanted
        and (workload is None or row.state == workload.state)
    )


def is_compared(machine: Machine, workload: Workload) -> bool:
    """Tell whether times of a workload's kind were compared, and not by reports alone."""
    return bool(roles_of_times(machine, workload.operation, workload) - {Role.REPORT})


def _is_of_a_new_kind(workload: Workload) -> bool:
    return bool(workload.many_cpus or workload.vmas or workload.holes or workload.maps_pmds)


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
    """Tell whether a row is of the machine that it names, in a workload without further keys.

    One of kernels that were booted with ``mitigations=off`` is not: cells are of stock kernels.
    """
    off = row.mitigations == "off"
    return not (row.measured_on or row.workload or row.numbers or row.loop or off)
